/** A change of a relation, as it goes to the archive: lines of the stream of relations. */
export interface RelationChange {
  user: string;
  other: string;
  change: "followed" | "unfollowed" | "requested" | "accepted" | "declined" | "unfriended" | "added" | "blocked" | "unblocked";
  /** Of a contact. */
  alias: string;
  note: string;
  /** Unix ms */
  at: number;
}

export const changeLine = ({ user, other, change, alias, note, at }: RelationChange): string =>
  JSON.stringify([user, other, change, alias, note, at]);

/** Reads a line. */
export function parseChange(line: string): RelationChange {
  const [user, other, change, alias, note, at] = JSON.parse(line) as [string, string, RelationChange["change"], string, string, number];
  return { user, other, change, alias, note, at };
}
