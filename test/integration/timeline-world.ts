import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickHouse } from "#infra/clickhouse/child.ts";
import { createRooms, type Rooms } from "#services/timeline/rooms.ts";
import { createStore, type Store } from "#services/timeline/store.ts";
import { createColdClient } from "#shared/cold/client.ts";
import { migrate } from "#shared/cold/migrate.ts";
import type { InboxRow } from "#shared/cold/rows.ts";
import { createColdStore, type ColdStore } from "#shared/cold/store.ts";
import { createEntries, hotRanges, type Entries } from "#shared/hot/entries.ts";
import { keys } from "#shared/hot/keys.ts";
import { openHot, type Hot } from "#shared/hot/redis.ts";
import type { Pending } from "#shared/hot/timelines.ts";
import { hotPointers } from "#shared/hot/users.ts";
import { timeOf } from "#shared/ids/snowflake.ts";
import { createLogger } from "#shared/run/logger.ts";
import { changeOf } from "#shared/wire/entry.ts";
import { isEvent, parsePointer } from "#shared/wire/pointer.ts";
import { toRow } from "#shared/wire/rows.ts";
import { startTestRedis } from "#test/support/redis.ts";

const password = "0123456789abcdef0123456789abcdef";
const logger = createLogger("silent", { role: "test" });

/** What a reader of the timeline works with. */
export interface Readers {
  hot: Hot;
  store: Store;
  entries: Entries;
  /** Traffic here is fanned out by hand, so nothing is waited for. */
  arrived(user: string, pending: readonly Pending[]): Promise<boolean>;
  rooms: Rooms;
}

/** A real Redis and a real ClickHouse of a test file's own. */
export interface Tiers extends AsyncDisposable {
  hot: Hot;
  cold: ColdStore;
  /** The same archive, and how often ClickHouse has been asked through it. */
  counting(): { cold: ColdStore; queries: () => number };
  /** New readers, which have no entries at hand; `cold` null or another one for an archive that is away. */
  readers(cold?: ColdStore | null): Readers;
  /** Archives a mailbox up to a seq, then trims it there. Gives up to which seq it is trimmed. */
  trimMailbox(conversationId: string, to: number): Promise<number>;
  /** The same for an inbox, by offset. */
  trimInbox(user: string, to: number): Promise<void>;
}

/** A cold store whose server refuses connections. */
export const unreachable = (): ColdStore => createColdStore(createColdClient({ url: "http://127.0.0.1:1", password }).clickhouse);

export async function openTiers(): Promise<Tiers> {
  await using opened = new AsyncDisposableStack();
  const dir = mkdtempSync(join(tmpdir(), "tributary-timeline-"));
  opened.defer(() => rmSync(dir, { recursive: true, force: true }));
  const redis = opened.use(await startTestRedis({ dir: join(dir, "redis"), durability: "everysec", logger }));
  const child = opened.use(
    await startClickHouse({ dir: join(dir, "ch"), port: 0, tributaryPassword: password, analystPassword: "", analystSeconds: 30, logger }),
  );
  const client = opened.use(createColdClient({ url: child.url, password }));
  await migrate(client.clickhouse, join(import.meta.dirname, "../../infra/migrations/clickhouse"));
  const hot = opened.use(await openHot(redis.url, logger));
  const rooms = createRooms();
  const cold = createColdStore(client.clickhouse);
  const kept = opened.move();
  return {
    hot,
    cold,
    counting() {
      let queries = 0;
      const { clickhouse } = client;
      const query = ((params: Parameters<typeof clickhouse.query>[0]) => (queries++, clickhouse.query(params))) as typeof clickhouse.query;
      return { cold: createColdStore(Object.assign(Object.create(clickhouse) as typeof clickhouse, { query })), queries: () => queries };
    },
    readers(other = cold) {
      const store = createStore({ hot, cold: other });
      return { hot, store, entries: createEntries(hot, store.coldEntries), rooms, arrived: () => Promise.resolve(false) };
    },
    trimMailbox: (conversationId, to) => trimMailbox(hot, cold, conversationId, to),
    trimInbox: (user, to) => trimInbox(hot, cold, user, to),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function trimMailbox(hot: Hot, cold: ColdStore, conversationId: string, to: number): Promise<number> {
  const [found] = await hotRanges(hot, [{ conversationId, from: 1, to }]);
  if (found === undefined || found.entries.length === 0) return found?.base ?? 0;
  await cold.insertMessages(found.entries.map((entry) => toRow(entry, 3, "read")));
  const trimmed = Number(await hot.run("trim-mailbox", [keys.head(conversationId), keys.mailbox(conversationId)], [to, found.base]));
  return found.base + trimmed;
}

async function trimInbox(hot: Hot, cold: ColdStore, user: string, to: number): Promise<void> {
  const { base, epoch, first, pointers } = await hotPointers(hot, user, 1, to);
  if (pointers.length === 0) return;
  await cold.insertInbox(pointers.map((text, i) => inboxRow(user, first + i, epoch, text)));
  await hot.run("trim-inbox", [keys.user(user), keys.inbox(user)], [to, base]);
}

function inboxRow(user: string, offset: number, epoch: string, text: string): InboxRow {
  const pointer = parsePointer(text);
  const common = { user, offset, conversation_id: pointer.conversationId, epoch };
  if (isEvent(pointer))
    return { ...common, type: "conversation", seq: 0, message_id: "0", at: pointer.at, timeline_key: "0", data: pointer.json };
  const { letter, seq, id, key } = pointer;
  return { ...common, type: changeOf(letter) ?? "message", seq, message_id: id, at: timeOf(id), timeline_key: key, data: "" };
}
