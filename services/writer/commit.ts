import { commitSends, type Send } from "#shared/hot/commits.ts";
import { keys, partitionOf, partitions } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Ids } from "#shared/wire/ports.ts";
import type { Draft } from "./draft.ts";

/** Most sends in one script: enough to fill a turn, few enough that others wait no more than some milliseconds. */
const MOST = 400;

export interface WriterParts {
  hot: Hot;
  entries: Entries;
  ids: Ids;
  dedupeWindowMs: number;
}

export interface Committer extends AsyncDisposable {
  /** Queues a draft. Sends of one conversation are committed in the order of these calls. */
  put(draft: Draft): void;
}

/** One queue for a Redis node. On a cluster each partition has its own, so that a master that is away holds up nobody else. */
export function createCommitters(parts: WriterParts): Committer {
  if (!parts.hot.cluster) return createCommitter(parts);
  const committers = partitions().map(() => createCommitter(parts));
  return {
    put: (draft) => committers[partitionOf(draft.conversationId)]?.put(draft),
    async [Symbol.asyncDispose]() {
      await Promise.all(committers.map((one) => one[Symbol.asyncDispose]()));
    },
  };
}

/**
 * Group commit: what arrives while a script is under way goes into the next one. A draft whose message id came too late for its conversation
 * goes back to the front with the later ones of the conversation, so that order holds.
 */
function createCommitter({ hot, entries, ids, dedupeWindowMs }: WriterParts): Committer {
  let queue: Draft[] = [];
  let running: Promise<void> | null = null;
  let scheduled = false;

  const start = (): void => {
    scheduled = false;
    running ??= drain().finally(() => {
      running = null;
      // What came after the last look at the queue and before this.
      if (queue.length > 0) schedule();
    });
  };
  const schedule = (): void => {
    if (scheduled || running !== null) return;
    scheduled = true;
    setImmediate(start);
  };

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.length <= MOST ? queue : queue.slice(0, MOST);
      queue = queue.length <= MOST ? [] : queue.slice(MOST);
      const late = await commit(batch);
      if (late.length > 0) queue = [...late, ...queue];
    }
  }

  async function commit(batch: Draft[]): Promise<Draft[]> {
    let sends: DraftedSend[];
    let results: string[];
    const held = hot.held(keys.head(batch[0]?.conversationId ?? ""));
    try {
      const conversations = byConversation(batch, ids);
      sends = [...conversations.values()].flat();
      results = await commitSends(hot, conversations, Math.floor(Date.now() / dedupeWindowMs));
      await held();
    } catch (thrown) {
      for (const draft of batch) draft.done(thrown, "");
      return [];
    }
    const late: Draft[] = [];
    for (const [i, { draft, id }] of sends.entries()) if (!settle(draft, id, results[i] as string)) late.push(draft);
    return late;
  }

  /** False if the draft must be tried again with a new id. */
  function settle(draft: Draft, id: string, result: string): boolean {
    const [outcome, a = "", b = ""] = result.split(" ");
    if (outcome === "1") {
      const seq = Number(a);
      entries.keep({ conversationId: draft.conversationId, seq, id, count: Number(b), letter: "m", fields: draft.fields });
      draft.done(null, `{"id":"${id}","seq":${seq},"at":${ids.timeOf(id)},"duplicate":false}`);
    } else if (outcome === "2") {
      draft.done(null, `{"id":"${b}","seq":${a},"at":${ids.timeOf(b)},"duplicate":true}`);
    } else if (outcome === "3") {
      draft.done(new Refusal(103), "");
    } else {
      return !raised(draft, a);
    }
    return true;
  }

  /** Makes the next ids be above the given one; where that is refused, the draft is. */
  function raised(draft: Draft, id: string): boolean {
    try {
      ids.nextAbove(id);
      return true;
    } catch (thrown) {
      draft.done(thrown, "");
      return false;
    }
  }

  return {
    put(draft) {
      queue.push(draft);
      schedule();
    },
    async [Symbol.asyncDispose]() {
      do {
        start();
        await running;
      } while (queue.length > 0);
    },
  };
}

interface DraftedSend extends Send {
  draft: Draft;
}

/** The drafts of each conversation with message ids, in their order. */
function byConversation(batch: Draft[], ids: Ids): Map<string, DraftedSend[]> {
  const conversations = new Map<string, DraftedSend[]>();
  for (const draft of batch) {
    const { user, digest, countable, fields } = draft;
    const send = { user, digest, countable, fields, id: "", draft };
    const some = conversations.get(draft.conversationId);
    if (some === undefined) conversations.set(draft.conversationId, [send]);
    else some.push(send);
  }
  for (const sends of conversations.values()) for (const send of sends) send.id = ids.next();
  return conversations;
}
