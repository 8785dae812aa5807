import type { Redis } from "ioredis";
import type { Entry } from "#shared/wire/entry.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { ColdEntries } from "../entries.ts";
import { keys, partitionOf } from "../keys.ts";
import type { Ground } from "./ground.ts";
import { heldBeyond, type Reached } from "./held.ts";
import { ownKeys, renewEpochs, renewInboxes } from "./renewing.ts";

/** What the archive has, for entries that a lost master took with it. */
export interface Archived {
  /** Newest seq of each conversation that has entries since (Unix ms). */
  newest(since: number): Promise<Reached[]>;
  entries: ColdEntries;
}

/** What stays lost of a partition. */
export interface Lost {
  /** Processes that do not bring what they keep. */
  absent: readonly string[];
  /** Writes that nobody has. */
  writes: number;
  /** Conversations some of whose entries have other numbers than was told, or are only in the archive, or nowhere. */
  conversations: Map<string, { restored: number; lost: number }>;
}

export interface Mending {
  /** Puts entries up to a seq that change nothing, in the name of a user. */
  fill(lost: Lost, conversationId: string, upTo: number, user: string): Promise<void>;
  /** Notes that entries of a conversation have not the numbers that were told. */
  note(lost: Lost, conversationId: string): Promise<unknown>;
  /** Newest seq of each conversation that the archive has entries of since (Unix ms). */
  archivedSince(since: number): Promise<Reached[]>;
  /** Before a partition serves: puts back what the archive has of it, gives no number again that an inbox or the archive has, and moves all its epochs. */
  mend(partition: number, lost: Lost, archived: readonly Reached[]): Promise<void>;
}

export interface MendingParts {
  ground: Ground;
  /** The master that has a key. */
  masterOf: (key: string) => Redis | undefined;
  /** null where no archive is reached. */
  archived: Archived | null;
  logger: Logger;
}

/** What is done about what nobody can do again. */
export function createMending({ ground, masterOf, archived, logger }: MendingParts): Mending {
  const { redis, scripts, run } = ground;

  /** New epochs tell the members' devices of it, whatever comes in between. */
  async function note({ conversations }: Lost, id: string) {
    const known = conversations.get(id);
    if (known !== undefined) return known;
    await renewInboxes(redis, id);
    return conversations.getOrInsert(id, { restored: 0, lost: 0 });
  }

  const seqOf = async (id: string): Promise<number> => Number((await redis.hget(keys.head(id), "s")) ?? Number.POSITIVE_INFINITY);

  /** Puts messages that are known by seq, and else entries that change nothing. */
  async function put(lost: Lost, id: string, upTo: number, user: string, known: readonly Entry[]): Promise<void> {
    if ((await seqOf(id)) >= upTo) return;
    const noted = await note(lost, id);
    const first = known[0]?.seq ?? 1;
    const texts: string[] = [];
    for (const entry of known) if (entry.letter === "m") texts[entry.seq - first] = `${entry.id} ${entry.count} m${entry.fields}`;
    const places = [keys.head(id), keys.mailbox(id), keys.outbox(partitionOf(id))];
    const args = [id, user, upTo, first, ...Array.from(texts, (text) => text ?? "")];
    for (;;) {
      const [messages = 0, others = 0] = (await run(scripts.fill, places, args)) as number[];
      if (messages + others === 0) return;
      noted.restored += messages;
      noted.lost += others;
    }
  }

  /** Or the first member, where nobody owns it. */
  const ownerOf = async (id: string): Promise<string> =>
    (await redis.hget(keys.head(id), "w")) || ((await redis.zrange(keys.order(id), "0", "0"))[0] ?? "");

  async function putBack(lost: Lost, { conversationId, seq }: Reached, cold: Archived): Promise<void> {
    const head = await seqOf(conversationId);
    if (head >= seq) return;
    const seqs = Array.from({ length: seq - head }, (_, i) => head + 1 + i);
    const entries = (await cold.entries([{ conversationId, seqs }])).toSorted((x, y) => x.seq - y.seq);
    await put(lost, conversationId, seq, await ownerOf(conversationId), entries);
  }

  return {
    fill: (lost, id, upTo, user) => put(lost, id, upTo, user, []),
    note,
    async archivedSince(since) {
      try {
        return (await archived?.newest(since)) ?? [];
      } catch (err) {
        logger.error({ err }, "the archive does not say what it had when a master was lost; numbers may be given again");
        return [];
      }
    },
    async mend(partition, lost, reached) {
      const master = masterOf(keys.life(partition));
      if (master === undefined) throw new Error(`no master is known to have partition ${partition}`);
      for (const one of reached) {
        if (archived !== null && partitionOf(one.conversationId) === partition) await putBack(lost, one, archived);
      }
      for await (const heads of ownKeys(master, partition, keys.head("0"))) {
        const ids = heads.map((key) => key.slice(key.lastIndexOf(":") + 1));
        for (const { conversationId, seq } of await heldBeyond(redis, ids)) {
          await put(lost, conversationId, seq, await ownerOf(conversationId), []);
        }
        await renewEpochs(master, heads);
      }
      for await (const users of ownKeys(master, partition, keys.user("0"))) await renewEpochs(master, users);
    },
  };
}
