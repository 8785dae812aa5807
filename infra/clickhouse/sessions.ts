import type { User } from "./access.ts";
import { ClickHouseError } from "./errors.ts";

/** What an HTTP session (`session_id`) keeps between requests: its SET and USE statements. Temporary tables are not kept. */
export interface HttpSession {
  prelude: string[];
}

interface Kept extends HttpSession {
  busy: boolean;
  expiresAt: number;
}

const MOST_SESSIONS = 1_000;
const MOST_STATEMENTS = 100;

/** The HTTP sessions of all users, by user and id; idle ones are forgotten after their timeout. */
export interface HttpSessions {
  /** Takes a session for one request; one request at a time (373 SESSION_IS_LOCKED). */
  enter(user: User, id: string, timeoutSeconds: number): { session: HttpSession; leave(): void };
}

export const createHttpSessions = (now: () => number = Date.now): HttpSessions => {
  const sessions = new Map<string, Kept>();
  const forgetOld = () => {
    for (const [key, session] of sessions)
      if (!session.busy && (session.expiresAt < now() || sessions.size > MOST_SESSIONS)) sessions.delete(key);
  };
  return {
    enter: (user, id, timeoutSeconds) => {
      forgetOld();
      const key = `${user} ${id}`;
      const session = sessions.get(key) ?? { prelude: [], busy: false, expiresAt: 0 };
      if (session.busy) throw new ClickHouseError(373, "SESSION_IS_LOCKED", `Session ${id} is locked by a concurrent client`);
      session.busy = true;
      sessions.set(key, session);
      const leave = () => {
        session.busy = false;
        session.prelude = session.prelude.slice(-MOST_STATEMENTS);
        session.expiresAt = now() + timeoutSeconds * 1000;
      };
      return { session, leave };
    },
  };
};
