import type { Pair, Side } from "./port.ts";

/** Kinds of relationships in a graph. */
export const edgeKinds = ["FOLLOWS", "FRIEND", "CONTACT", "REQUESTED", "BLOCKS"] as const;
export type EdgeKind = (typeof edgeKinds)[number];

/** Property of a kind beside `since`. */
export const textOf = { CONTACT: "alias", REQUESTED: "note" } as const satisfies Partial<Record<EdgeKind, string>>;

/** A relationship of a pair, as it stands in the graph. */
export interface Edge {
  kind: EdgeKind;
  from: string;
  to: string;
  since: number;
  /** Alias or note. */
  text: string;
}

const noSide: Side = { following: null, contact: null, requested: null, blocking: null, declined: null };

/** Two users with nothing between them. */
export const strangers = (a: string, b: string): Pair => ({ a, b, version: 0, friends: null, ab: { ...noSide }, ba: { ...noSide } });

/** Key of a pair; keys sort as pairs do, since no id has a character as low as the space. */
export const pairKey = (a: string, b: string): string => `${a} ${b}`;

/** The two users in their order. */
export const inOrder = (one: string, other: string): { a: string; b: string } =>
  one < other ? { a: one, b: other } : { a: other, b: one };

/** A pair's record but for its users and version. */
export const encodeState = ({ friends, ab, ba }: Pair): string => JSON.stringify([friends, sideOut(ab), sideOut(ba)]);

/** The pair of a record. */
export function decodeState(key: string, version: number, state: string): Pair {
  const at = key.indexOf(" ");
  const [friends, ab, ba] = JSON.parse(state) as [number | null, SideOut, SideOut];
  return { a: key.slice(0, at), b: key.slice(at + 1), version, friends, ab: sideIn(ab), ba: sideIn(ba) };
}

type Said = [since: number, text: string] | null;
type SideOut = [following: number | null, contact: Said, requested: Said, blocking: number | null, declined: number | null] | null;

function sideOut({ following, contact, requested, blocking, declined }: Side): SideOut {
  const held = [following, contact, requested, blocking, declined];
  if (held.every((one) => one === null)) return null;
  return [
    following,
    contact === null ? null : [contact.since, contact.alias],
    requested === null ? null : [requested.since, requested.note],
    blocking,
    declined,
  ];
}

function sideIn(side: SideOut): Side {
  if (side === null) return { ...noSide };
  const [following, contact, requested, blocking, declined] = side;
  return {
    following,
    contact: contact === null ? null : { since: contact[0], alias: contact[1] },
    requested: requested === null ? null : { since: requested[0], note: requested[1] },
    blocking,
    declined,
  };
}

/** The relationships that a pair has in the graph. */
export function edgesOf({ a, b, friends, ab, ba }: Pair): Edge[] {
  const edges = [...sideEdges(a, b, ab), ...sideEdges(b, a, ba)];
  if (friends === null) return edges;
  const friend = { kind: "FRIEND", since: friends, text: "" } as const;
  return [...edges, { ...friend, from: a, to: b }, { ...friend, from: b, to: a }];
}

function sideEdges(from: string, to: string, { following, contact, requested, blocking }: Side): Edge[] {
  const edges: Edge[] = [];
  if (following !== null) edges.push({ kind: "FOLLOWS", from, to, since: following, text: "" });
  if (contact !== null) edges.push({ kind: "CONTACT", from, to, since: contact.since, text: contact.alias });
  if (requested !== null) edges.push({ kind: "REQUESTED", from, to, since: requested.since, text: requested.note });
  if (blocking !== null) edges.push({ kind: "BLOCKS", from, to, since: blocking, text: "" });
  return edges;
}

/** Relationships to be taken away and to be made, so that a pair becomes another; one that changes is both. */
export function difference(before: Pair, after: Pair): { gone: Edge[]; made: Edge[] } {
  const [old, fresh] = [edgesOf(before), edgesOf(after)];
  const same = (x: Edge) => (y: Edge) => x.kind === y.kind && x.from === y.from && x.since === y.since && x.text === y.text;
  return { gone: old.filter((edge) => !fresh.some(same(edge))), made: fresh.filter((edge) => !old.some(same(edge))) };
}
