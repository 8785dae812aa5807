import { randomUUID } from "node:crypto";
import { compareStreamIds } from "#shared/hot/progress.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { spread } from "#shared/hot/spread.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Place } from "./reader.ts";
import { runPipeline, type Stream } from "./streams.ts";

/** A lease that is not renewed for this long is another's to take (ms): after a crash nothing is archived for so long. */
const LIFE = 3_000;
const RENEWAL = 750;
/** A holder begins no insert from this long before its lease may end (ms). */
const MARGIN = 1_000;

/** A stream of which this archiver is the owner. */
export interface Holding extends Place {
  /** True until a batch has been read back: what follows the cursor may be in ClickHouse already. */
  doubtful: boolean;
}

/** The streams that this archiver owns; each has one owner at a time. */
export interface Leases extends AsyncDisposable {
  readonly owner: string;
  /** Takes what is free and renews what is held. Called again and again by itself. */
  renew(): Promise<void>;
  /** What is held now. */
  held(): Holding[];
  /** True if the streams are held, and for a while to come. */
  holds(streams: Iterable<Stream>): boolean;
  /** Saves ids under a key of each stream that is still held. False if one of them is another's by now. */
  save(ids: ReadonlyMap<Stream, string>, where: "cursor" | "intent"): Promise<boolean>;
}

/** @param together all of the streams or none: who has not the first gives the others back */
export function createLeases(deps: { hot: Hot; streams: readonly Stream[]; logger: Logger; together: boolean }): Leases {
  const { hot, streams, logger, together } = deps;
  const owner = randomUUID();
  const holdings = new Map<Stream, Holding>();
  let renewedAt = Number.NEGATIVE_INFINITY;
  let renewing: Promise<void> | null = null;

  const take = (some: readonly Stream[], life: number): Promise<readonly number[]> =>
    spread(hot, "lease", { keys: some.map(({ lease }) => lease), each: 1, args: [owner, life] });
  const fresh = (): boolean => performance.now() < renewedAt + LIFE - MARGIN;

  async function renewNow(): Promise<void> {
    // After a pause longer than the lease others may have worked on, also if nobody holds it now.
    if (performance.now() > renewedAt + LIFE) holdings.clear();
    const asked = performance.now();
    const answers = [...(await take(streams, LIFE))];
    if (together && answers[0] !== 1 && answers.includes(1)) {
      await take(
        streams.filter((_, i) => answers[i] === 1),
        1,
      );
      answers.fill(0);
    }
    const taken = streams.filter((stream, i) => answers[i] === 1 && !holdings.has(stream));
    for (const [i, stream] of streams.entries()) if (answers[i] !== 1) holdings.delete(stream);
    for (const place of await placesOf(hot, taken)) holdings.set(place.stream, { ...place, doubtful: true });
    renewedAt = asked;
  }
  const renew = (): Promise<void> => {
    renewing ??= renewNow().finally(() => {
      renewing = null;
    });
    return renewing;
  };
  const timer = setInterval(() => {
    renew().catch((err: unknown) => logger.debug({ err }, "leases of the archive are not renewed while Redis is away"));
  }, RENEWAL);

  return {
    owner,
    renew,
    held: () => (fresh() ? [...holdings.values()] : []),
    holds: (wanted) => fresh() && [...wanted].every((stream) => holdings.has(stream)),
    async save(ids, where) {
      const wanted = [...ids.keys()];
      const saved = await spread<number>(hot, "advance", {
        keys: wanted.flatMap((stream) => [stream.lease, stream[where]]),
        each: 2,
        args: [owner],
        own: [...ids.values()],
      });
      for (const [i, stream] of wanted.entries()) {
        const holding = holdings.get(stream);
        if (saved[i] !== 1) holdings.delete(stream);
        else if (holding !== undefined && where === "cursor")
          Object.assign(holding, { cursor: ids.get(stream), until: null, doubtful: false });
      }
      return saved.every((one) => one === 1);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await renewing?.catch(() => undefined);
      const mine = [...holdings.keys()];
      holdings.clear();
      if (mine.length > 0) await take(mine, 1).catch((err: unknown) => logger.debug({ err }, "leases of the archive end by themselves"));
    },
  };
}

/** Where the streams stand: the cursor and, behind it, the end of the batch that a predecessor was inserting. */
async function placesOf(hot: Hot, streams: readonly Stream[]): Promise<Place[]> {
  if (streams.length === 0) return [];
  const pipeline = hot.pipeline();
  for (const { cursor, intent } of streams) pipeline.mget(cursor, intent);
  const answers = await runPipeline<(string | null)[]>(pipeline);
  return streams.map((stream, i) => {
    const [cursor, intent] = answers[i] as (string | null)[];
    const at = cursor ?? "0-0";
    return { stream, cursor: at, until: typeof intent === "string" && compareStreamIds(intent, at) > 0 ? intent : null };
  });
}
