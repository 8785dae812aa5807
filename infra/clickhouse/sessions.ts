import type { User } from "./access.ts";

/** What an HTTP session (`session_id`) keeps between requests: its SET and USE statements. Temporary tables are not kept. */
export interface HttpSession {
  prelude: string[];
}

interface Kept extends HttpSession {
  /** Requests in it or waiting for it. */
  users: number;
  tail: Promise<void>;
  expiresAt: number;
}

const MOST_SESSIONS = 1_000;
const MOST_STATEMENTS = 100;

/** The HTTP sessions of all users, by user and id; idle ones are forgotten after their timeout. */
export interface HttpSessions {
  /** Takes a session for one request; a second request of the same session waits until the first has left. */
  enter(user: User, id: string, timeoutSeconds: number): Promise<{ session: HttpSession; leave(): void }>;
}

export const createHttpSessions = (now: () => number = Date.now): HttpSessions => {
  const sessions = new Map<string, Kept>();
  const forgetOld = () => {
    for (const [key, session] of sessions)
      if (session.users === 0 && (session.expiresAt < now() || sessions.size > MOST_SESSIONS)) sessions.delete(key);
  };
  return {
    enter: async (user, id, timeoutSeconds) => {
      forgetOld();
      const key = `${user} ${id}`;
      const session = sessions.get(key) ?? { prelude: [], users: 0, tail: Promise.resolve(), expiresAt: 0 };
      sessions.set(key, session);
      session.users += 1;
      const before = session.tail;
      const left = Promise.withResolvers<void>();
      session.tail = left.promise;
      await before;
      const leave = () => {
        session.users -= 1;
        session.prelude = session.prelude.slice(-MOST_STATEMENTS);
        session.expiresAt = now() + timeoutSeconds * 1000;
        left.resolve();
      };
      return { session, leave };
    },
  };
};
