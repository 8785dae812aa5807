import type { NodeConnections } from "./ports.ts";

/**
 * What one gateway node says to another: `tooMany`: a user has more connections than they may, and the oldest of them is there, as far as `seen`
 * goes · `whoIsOn`: which of its connections are on a channel · `areOn`: the answer · `live`:
 * an event for `live:` of a user's devices there.
 */
export type NodeWord =
  | { word: "tooMany"; user: string; seen: NodeConnections }
  | { word: "whoIsOn"; from: string; question: number; channel: string }
  | { word: "areOn"; question: number; there: [client: string, user: string][] }
  | { word: "live"; user: string; event: object };
