const days = 86_400_000;

/** When entries leave the hot tier: the newest `keep` stay. */
export interface TrimRule {
  name: string;
  of: "mailbox" | "inbox";
  /** Newest entries, or pointers, that stay hot; of a mailbox the newest message stays in any case. */
  keep: number;
  /** Only while Redis is above its watermark. */
  underPressure: boolean;
  /** Only where the newest entry is older than this (ms). */
  idleFor: number;
}

/** The rules of the store scheduler. The strictest one that applies to a mailbox or inbox counts. */
export const trimRules: readonly TrimRule[] = [
  { name: "mailbox-newest", of: "mailbox", keep: 1_000, underPressure: false, idleFor: 0 },
  { name: "inbox-newest", of: "inbox", keep: 1_000, underPressure: false, idleFor: 0 },
  { name: "mailbox-pressure", of: "mailbox", keep: 200, underPressure: true, idleFor: 0 },
  { name: "mailbox-idle", of: "mailbox", keep: 1, underPressure: true, idleFor: 7 * days },
];

/** Trimming waits until a fifth more than the limit is there, so that it comes in few large steps. */
export const SLACK = 1.2;

/** Redis is above its watermark at this part of `maxmemory`, or, where it has none, at this many bytes. */
export const watermark = { part: 0.75, bytes: 2 * 1024 ** 3 } as const;

/** Dedupe tables are removed this long after the generation they belong to can be looked at no more (ms), for clocks differ. */
export const DEDUPE_MARGIN = 60_000;

/** Hot length from which a rule may apply to a mailbox or inbox that is not idle. */
export function longFrom(of: TrimRule["of"], pressure: boolean): number {
  const applying = trimRules.filter((rule) => rule.of === of && rule.idleFor === 0 && (pressure || !rule.underPressure));
  return Math.min(...applying.map(({ keep }) => keep)) * SLACK;
}
