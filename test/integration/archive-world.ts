import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClickHouseClient } from "@clickhouse/client";
import { onTestFinished } from "vitest";
import { startClickHouse, type ClickHouseChild } from "#infra/clickhouse/child.ts";
import { startArchive, type Archive } from "#services/archive/index.ts";
import type { ArchiveConfig } from "#services/archive/look.ts";
import { createColdClient } from "#shared/cold/client.ts";
import { migrate } from "#shared/cold/migrate.ts";
import { createColdStore, type ColdStore } from "#shared/cold/store.ts";
import { commitSends } from "#shared/hot/commits.ts";
import { deliverOps, type InboxOp } from "#shared/hot/deliveries.ts";
import { createEntries } from "#shared/hot/entries.ts";
import { keys, partitionOf } from "#shared/hot/keys.ts";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import { createSnowflake } from "#shared/ids/snowflake.ts";
import { createLogger } from "#shared/run/logger.ts";
import { createRegistry } from "#shared/run/metrics.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { startTestRedis } from "#test/support/redis.ts";

const password = "0123456789abcdef0123456789abcdef";
const logger = createLogger("silent", { role: "test" });

/** A hot and a cold tier of a test's own, and what writers and fan-out workers do to them. */
export interface Stores {
  hot: Hot;
  cold: ColdStore;
  clickhouse: ClickHouseClient;
  child: ClickHouseChild;
  archive(config?: Partial<ArchiveConfig>, through?: ColdStore): Promise<Archive>;
  create(id: string, members: readonly string[]): Promise<void>;
  /** Sends messages; their bodies name them. */
  send(id: string, user: string, texts: readonly string[]): Promise<void>;
  /** Writes entries from..to of a conversation into the inbox of each user. */
  deliver(id: string, users: readonly string[], from: number, to: number): Promise<void>;
  /** First column of each row, as text. */
  select(query: string): Promise<string[]>;
}

function closing<Resource extends AsyncDisposable>(resource: Resource): Resource {
  onTestFinished(async () => await resource[Symbol.asyncDispose]());
  return resource;
}

/** @param now ms at which messages are sent; the present where none is given */
export async function openStores(now: () => number = Date.now): Promise<Stores> {
  const dir = mkdtempSync(join(tmpdir(), "tributary-archive-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [redis, child] = await Promise.all([
    startTestRedis({ dir: join(dir, "redis"), durability: "fsync", logger }),
    startClickHouse({ dir: join(dir, "ch"), port: 0, tributaryPassword: password, analystPassword: "", analystSeconds: 30, logger }),
  ]);
  closing(redis);
  closing(child);
  const { clickhouse, ...client } = createColdClient({ url: child.url, password, timeoutMs: 2_000 });
  closing(client);
  await migrate(clickhouse, join(import.meta.dirname, "../../infra/migrations/clickhouse"));
  const hot = closing(await openHot(redis.url, logger));
  const cold = createColdStore(clickhouse);
  const settings = { archiveInbox: true, dedupeWindowMs: 3_600_000, warmDays: 30 };
  return {
    hot,
    cold,
    clickhouse,
    child,
    archive: async (config = {}, through = cold) =>
      closing(
        await startArchive({
          interval: 1_000_000,
          hot,
          entries: createEntries(hot, null),
          cold: through,
          tail: null,
          config: { ...settings, ...config },
          logger,
          registry: createRegistry({ processMetrics: false }),
        }),
      ),
    ...traffic(hot, now),
    async select(query) {
      const answer = await clickhouse.query({ query, format: "TabSeparated" });
      return (await answer.text()).split("\n").filter((line) => line !== "");
    },
  };
}

/** As a client does: what may be repeated is repeated while Redis is away. */
const patiently = async (call: () => Promise<unknown>): Promise<unknown> => {
  try {
    return await call();
  } catch (err) {
    if (!(err instanceof Refusal) || err.code !== 108) throw err;
    return patiently(call);
  }
};

function traffic(hot: Hot, now: () => number): Pick<Stores, "create" | "send" | "deliver"> {
  const ids = createSnowflake({ worker: 1, now });
  let digest = 0;
  const generation = Math.floor(Date.now() / 3_600_000);
  return {
    async create(id, members) {
      const [owner = ""] = members;
      const touched = [keys.head(id), keys.order(id), keys.outbox(partitionOf(id))];
      await hot.run("create", touched, [id, "g", "epoch000", Date.now(), owner, "title", "j", "i", "", owner, 500, ...members]);
    },
    async send(id, user, texts) {
      const sends = texts.map((text) => {
        const name = String(digest++).padStart(12, "0");
        const fields = `"from":"${user}","kind":"text","body":${JSON.stringify({ text })},"clientMsgId":"${name}"`;
        return { user, digest: name, id: ids.next(), countable: true, fields };
      });
      await patiently(() => commitSends(hot, [[id, sends]], generation));
    },
    async deliver(id, users, from, to) {
      const pointers = Array.from({ length: to - from + 1 }, (_, i) => `m ${id} ${from + i} ${from + i} ${(from + i) * 1_000}`);
      const entries: InboxOp = { letter: "E", conversationId: id, seq: from, extra: `${from * 1_000} ${to * 1_000}`, pointers };
      const joined: InboxOp = {
        letter: "J",
        conversationId: id,
        seq: 0,
        extra: "a w",
        pointers: [`J ${id} 0 5 w {"type":"conversation"}`],
      };
      const ops = from === 1 ? [joined, entries] : [entries];
      const numbers = ops.map((_, i) => i + 1);
      const recipients = users.map((user): [string, number[]] => [user, numbers]);
      await deliverOps(hot, ops, recipients, true);
    },
  };
}

/** All of a list's texts "from" .. */
export const texts = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `text ${from + i}`);
