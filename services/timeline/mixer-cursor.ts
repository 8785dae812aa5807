import { timeOf } from "#shared/ids/snowflake.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Head, Rank } from "./mixer-merge.ts";

/** Where a walk through a timeline stands, and the view it keeps. */
export interface Place {
  /** The last message given, or looked at. */
  last: Rank;
  /** Pointers of the inbox up to this offset are still to come. */
  inboxOffset: number;
  /** Epoch of the inbox that the offset belongs to. */
  epoch: string;
  /** When the walk began (ms). */
  began: number;
  /** Heads of the mailboxes when the walk began; null once no newer message can come in below `last`. */
  heads: ReadonlyMap<string, number> | null;
}

/** No id is this much older than its commit (ms), so that deeper in the timeline the heads of the view are not needed. */
const OLDEST_COMMIT = 60_000;
/** With more mailboxes the heads would not fit into a cursor: then what is committed with an older id during the walk may come in too. */
const MOST_HEADS = 2_500;

/** The place after a head. */
export function after(place: Place, { source, offset, key, conversationId, seq }: Head): Place {
  return { ...place, last: { key, conversationId, seq }, inboxOffset: source === "inbox" ? offset - 1 : place.inboxOffset };
}

/** The place as an opaque cursor. */
export function encodeCursor({ last, inboxOffset, epoch, began, heads }: Place): string {
  const wanted = heads !== null && heads.size <= MOST_HEADS && timeOf(last.key) > began - OLDEST_COMMIT;
  const view = wanted ? [...heads].map(([conversationId, seq]) => `${conversationId}:${seq}`).join(",") : null;
  return Buffer.from(JSON.stringify([1, last.key, last.conversationId, last.seq, inboxOffset, epoch, began, view])).toString("base64url");
}

const isId = (value: unknown): value is string => typeof value === "string" && /^[1-9]\d{0,18}$/.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isView = (value: unknown): value is string | null =>
  value === null || (typeof value === "string" && /^(?:[1-9]\d{0,18}:\d{1,16}(?:,|$))*$/.test(value));

/** Reads a cursor; refuses with 107 what was not made by `encodeCursor`. */
export function decodeCursor(cursor: string): Place {
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    fields = null;
  }
  const [version, key, conversationId, seq, inboxOffset, epoch, began, view] = Array.isArray(fields) ? (fields as unknown[]) : [];
  const sound =
    version === 1 && isId(key) && isId(conversationId) && isCount(seq) && isCount(inboxOffset) && isCount(began) && isView(view);
  if (!sound || typeof epoch !== "string") throw new Refusal(107, "cursor: not one that timeline.read has given");
  return { last: { key, conversationId, seq }, inboxOffset, epoch, began, heads: view === null ? null : headsOf(view) };
}

function headsOf(view: string): Map<string, number> {
  const pairs = view.split(",").filter((pair) => pair !== "");
  return new Map(
    pairs.map((pair) => {
      const [conversationId = "", seq] = pair.split(":");
      return [conversationId, Number(seq)];
    }),
  );
}
