import type { Costs, Load } from "./model.ts";

/**
 * As on the machine that docs/performance.md names. Costs are those of messages that come alone, each in a conversation of its own, as they do in a large
 * service; where several share a conversation and a turn they cost a third of it.
 */
export const costs: Costs = {
  message: 40,
  push: 12,
  commit: 22,
  pointer: 13,
  archiveRow: 2,
  coldRow: 4.1,
  connection: 6,
  entryBytes: 114,
  pointerBytes: 48,
  userBytes: 600,
  conversationBytes: 660,
  dedupeBytes: 40,
  messageRowBytes: 50,
  bodyShare: 1,
  inboxRowBytes: 15,
  envelope: 330,
};

const MEMORY = "Redis' MEMORY USAGE";
const ESTIMATE = "an estimate, to be held against your own texts";

/** What each cost is, and which measurement it comes from. */
export const costSources: Record<keyof Costs, { what: string; unit: string; from: string }> = {
  message: {
    what: "a message in gateway, writer and fan-out",
    unit: "µs",
    from: "paced traffic of row a: 72 µs with two pushes and three rows",
  },
  push: { what: "a line to a device, in a write of its own", unit: "µs", from: "the same" },
  commit: { what: "the commit of a message in Redis", unit: "µs", from: "`npm run micro`, batches of 100" },
  pointer: { what: "a pointer into an inbox, in Redis", unit: "µs", from: "`npm run micro`, one entry to 50 users" },
  archiveRow: { what: "the archive's work on a row", unit: "µs", from: "`npm run micro`, and the profile of row a" },
  coldRow: { what: "a row in ClickHouse, inserted and merged", unit: "µs", from: "60 inserts of 24,000 rows, until all was merged" },
  connection: { what: "an idle connection", unit: "KiB", from: "row memory" },
  entryBytes: { what: "a hot entry beyond its body", unit: "bytes", from: MEMORY },
  pointerBytes: { what: "a hot pointer", unit: "bytes", from: MEMORY },
  userBytes: { what: "a user in Redis, with ten conversations", unit: "bytes", from: MEMORY },
  conversationBytes: { what: "a conversation in Redis, with eight members", unit: "bytes", from: MEMORY },
  dedupeBytes: { what: "a send in the dedupe tables", unit: "bytes", from: MEMORY },
  messageRowBytes: { what: "a message row on disk beyond its body", unit: "bytes", from: ESTIMATE },
  bodyShare: { what: "a body on disk (as JSON and as searchable text), of its length", unit: "×", from: ESTIMATE },
  inboxRowBytes: { what: "an inbox row on disk", unit: "bytes", from: ESTIMATE },
  envelope: { what: "a delivery on the wire beyond the body", unit: "bytes", from: "row a" },
};

const common = { onlineShare: 0.4, body: 200, meanShare: 0.4 };

/** A team's server, a large service, and the peak that WeChat published. */
export const loads: readonly Load[] = [
  {
    ...common,
    name: "a company of 10,000",
    messages: 500,
    readShare: 0.1,
    copies: 8,
    readers: 1_500,
    connections: 12_000,
    days: 3_650,
    users: 10_000,
    hotPointers: 500,
    conversations: 50_000,
    hotEntries: 100,
  },
  {
    ...common,
    name: "a service of 10 million",
    messages: 20_000,
    readShare: 0.1,
    copies: 6,
    readers: 200,
    connections: 1_500_000,
    days: 365,
    users: 10_000_000,
    hotPointers: 100,
    conversations: 30_000_000,
    hotEntries: 20,
  },
  {
    ...common,
    name: "200,000 messages a second",
    messages: 200_000,
    readShare: 0.05,
    copies: 5,
    readers: 100,
    connections: 50_000_000,
    days: 30,
    users: 300_000_000,
    hotPointers: 50,
    conversations: 500_000_000,
    hotEntries: 5,
  },
];
