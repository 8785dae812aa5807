/** What a device saw of a pair's messages; each must be the one after the last. */
interface Seen {
  n: number;
  offset: number;
}

/** One sender and one peer. Messages are numbered from 1; their seqs are `base` + number. */
export interface Pair {
  name: string;
  sent: number;
  acked: number;
  /** Peer and sender's own device. */
  peer: Seen;
  own: Seen;
  base: number;
  /** Time of sending, by number modulo its length. */
  sentAt: Float64Array;
}

/** More than can be in flight. */
const KEPT = 4_096;

export const newPair = (name: string, base: number): Pair => ({
  name,
  sent: 0,
  acked: 0,
  peer: { n: 0, offset: 0 },
  own: { n: 0, offset: 0 },
  base,
  sentAt: new Float64Array(KEPT),
});

/** The digits after `label` in a line. Throws where the label is not there. */
export function numberAfter(line: string, label: string, from = 0): number {
  const at = line.indexOf(label, from);
  if (at < 0) throw new Error(`${label} is missing in ${line.slice(0, 500)}`);
  let value = 0;
  for (let i = at + label.length; ; i++) {
    const digit = line.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return value;
    value = value * 10 + digit;
  }
}

/** An acknowledgement of number n with its seq. */
export function noteAck(pair: Pair, n: number, seq: number, line: string): void {
  if (n !== pair.acked + 1 || seq !== pair.base + n) throw new Error(`${pair.name}: answer out of order after ${pair.acked}: ${line}`);
  pair.acked = n;
}

/** A message that reached a device. `offset` 0: this server has none. */
export function noteSeen(pair: Pair, seen: Seen, n: number, seq: number, offset: number, line: string): void {
  const next = n === seen.n + 1 && seq === pair.base + n && (offset === 0 || seen.offset === 0 || offset === seen.offset + 1);
  if (!next) throw new Error(`${pair.name}: expected message ${seen.n + 1} at offset ${seen.offset + 1}, got ${line.slice(0, 500)}`);
  seen.n = n;
  seen.offset = offset;
}
