/** Which mailboxes belonged to a user's timeline when it was read last: a guess that lets the next reader ask for everything at once. */
export interface Rooms {
  of(user: string): readonly string[];
  keep(user: string, conversationIds: readonly string[]): void;
}

/** Conversation ids kept, over all users, per generation of two. */
const GENERATION = 200_000;

export function createRooms(): Rooms {
  let young = new Map<string, readonly string[]>();
  let old = new Map<string, readonly string[]>();
  let size = 0;
  const keep = (user: string, conversationIds: readonly string[]): void => {
    young.set(user, conversationIds);
    size += conversationIds.length + 1;
    if (size <= GENERATION) return;
    old = young;
    young = new Map();
    size = 0;
  };
  return {
    of(user) {
      const known = young.get(user);
      if (known !== undefined) return known;
      const older = old.get(user);
      if (older !== undefined) keep(user, older);
      return older ?? [];
    },
    keep,
  };
}
