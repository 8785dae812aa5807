import { commitAndCopy, type Gathered, type Outcome, type Send } from "#shared/hot/commits.ts";
import { keys, partitionOf, partitions } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { atTurnEnd } from "#shared/run/turn.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Ids } from "#shared/wire/ports.ts";
import type { Draft } from "./draft.ts";
import type { HandOver } from "./hand-over.ts";

/** Sends in one script: enough to fill a turn, few enough that others wait no more than some milliseconds. */
const SOME = 200;
/** Of a long queue it is half, up to this: more sends of a conversation in a script are less work each, so that what has piled up melts. */
const MOST = 1_000;
/** Most bytes of entries in one script. */
const MOST_BYTES = 4 * 1024 * 1024;

export interface WriterParts {
  hot: Hot;
  entries: Entries;
  ids: Ids;
  dedupeWindowMs: number;
  handOver: HandOver;
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
function createCommitter({ hot, entries, ids, dedupeWindowMs, handOver }: WriterParts): Committer {
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
    atTurnEnd(start);
  };

  /** One script at a time. While Redis runs the next one, those of the one before are answered. */
  async function drain(): Promise<void> {
    for (let under = begin(); under !== null;) {
      const { conversations, answer } = under;
      const outcome = await answer;
      // Late ones go before all that came meanwhile.
      under = outcome?.results.some(isLate) === true ? null : begin();
      if (outcome !== null) queue.unshift(...finish(conversations, outcome));
      under ??= begin();
    }
  }

  /** Sends off what waits; null if nothing does. */
  function begin(): UnderWay | null {
    while (queue.length > 0) {
      const batch = queue.splice(0, inNextScript(queue));
      try {
        const conversations = handOver.gather(byConversation(batch, ids));
        return { conversations, answer: commit(batch, conversations) };
      } catch (thrown) {
        refuse(batch, thrown);
      }
    }
    return null;
  }

  /** Resolves to null where the batch was refused. */
  async function commit(batch: readonly Draft[], conversations: Committing): Promise<Outcome | null> {
    const held = hot.held(keys.head(batch[0]?.conversationId ?? ""));
    try {
      const outcome = await commitAndCopy(hot, conversations, Math.floor(Date.now() / dedupeWindowMs), handOver.archiveInbox);
      await held();
      handOver.note(conversations, outcome);
      return outcome;
    } catch (thrown) {
      refuse(batch, thrown);
      return null;
    }
  }

  /** Answers, and pushes what was handed over. Returns the drafts that must be tried again with a new id. */
  function finish(conversations: Committing, outcome: Outcome): Draft[] {
    const late: Draft[] = [];
    let at = 0;
    for (const { sends } of conversations) {
      for (const { draft, id } of sends) if (!settle(draft, id, outcome.results[at++] as string)) late.push(draft);
    }
    handOver.push(conversations, outcome);
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

/** How many of those that wait go into the next script. */
function inNextScript(queue: readonly Draft[]): number {
  const most = Math.max(SOME, Math.min(queue.length / 2, MOST));
  let count = 0;
  for (let bytes = 0; count < queue.length && count < most && bytes < MOST_BYTES; count++) bytes += (queue[count] as Draft).fields.length;
  return count;
}

type Committing = readonly Gathered<DraftedSend>[];

/** A script that Redis has been given. */
interface UnderWay {
  conversations: Committing;
  answer: Promise<Outcome | null>;
}

/** True for a send whose id came too late. */
const isLate = (result: string): boolean => result.startsWith("4 ");

function refuse(batch: readonly Draft[], thrown: unknown): void {
  for (const draft of batch) draft.done(thrown, "");
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
