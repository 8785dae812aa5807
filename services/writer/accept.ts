import { keys } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { type SendLog, shardOf } from "#shared/log/sends.ts";
import { gathered } from "#shared/run/gather.ts";
import type { Logger } from "#shared/run/logger.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Draft } from "./draft.ts";
import { acceptedLine } from "./accepted.ts";

/** Most sends in one append. */
const MOST = 1_000;
/** Longest wait for the log (ms). What is late may stand in it all the same: a retry with the same client message id is the same message. */
const PATIENCE = 5_000;
const ANSWER = '{"accepted":true}';

/**
 * Accepts drafts: they are appended to the log of sends in the order of the calls, and answered when that is durable. A single whose two block each other is
 * refused before; all else is for the commit to check.
 */
export function createAccepter({ hot, log, logger }: { hot: Hot; log: SendLog; logger: Logger }): (draft: Draft) => void {
  const accept = gathered(async (drafts: Draft[]): Promise<(Refusal | null)[]> => {
    const barred = await barredAmong(hot, new Set(drafts.map(({ conversationId }) => conversationId)));
    const lines = new Map<number, string[]>();
    for (const draft of drafts) {
      if (barred.has(draft.conversationId)) continue;
      lines.getOrInsertComputed(shardOf(draft.user, log.partitions), () => []).push(acceptedLine(draft));
    }
    if (lines.size > 0) await append(lines);
    return drafts.map(({ conversationId }) => (barred.has(conversationId) ? new Refusal(103) : null));
  }, MOST);

  async function append(lines: ReadonlyMap<number, readonly string[]>): Promise<void> {
    try {
      await log.append(lines);
    } catch (err) {
      if (err instanceof Refusal) throw err;
      logger.warn({ err }, "the log of sends does not take sends");
      throw new Refusal(108, "the log of sends is away");
    }
  }

  return (draft) => {
    let answered = false;
    const answer = (thrown: unknown): void => {
      if (answered) return;
      answered = true;
      clearTimeout(late);
      draft.done(thrown, thrown === null ? ANSWER : "");
    };
    const late = setTimeout(() => answer(new Refusal(108, "the log of sends is late")), PATIENCE);
    accept(draft).then(answer, answer);
  };
}

/** The singles among some conversations in which one of the two blocks the other. */
async function barredAmong(hot: Hot, conversationIds: ReadonlySet<string>): Promise<Set<string>> {
  const asked = [...conversationIds];
  const marks = await Promise.all(asked.map((id) => hot.redis.hget(keys.head(id), "f")));
  return new Set(asked.filter((_, i) => marks[i]?.endsWith("+") === true));
}
