import type { Costs, Load } from "./model.ts";

/** Measured on the machine that docs/performance.md names. */
export const costs: Costs = {
  message: 20,
  push: 3,
  commit: 9,
  pointer: 3,
  archiveRow: 1.5,
  coldRow: 3.5,
  connection: 6,
  entryBytes: 90,
  pointerBytes: 60,
  userBytes: 400,
  conversationBytes: 600,
  dedupeBytes: 60,
  messageRowBytes: 60,
  bodyShare: 0.5,
  inboxRowBytes: 25,
  envelope: 330,
};

/** What each cost is, and which measurement it comes from. */
export const costSources: Record<keyof Costs, { what: string; unit: string; from: string }> = {
  message: { what: "a message in gateway, writer and fan-out", unit: "µs", from: "row a" },
  push: { what: "a line to a device", unit: "µs", from: "rows a and b" },
  commit: { what: "the commit of a message in Redis", unit: "µs", from: "row a" },
  pointer: { what: "a pointer into an inbox, in Redis", unit: "µs", from: "row a" },
  archiveRow: { what: "the archive's work on a row", unit: "µs", from: "profile of row a" },
  coldRow: { what: "a row in ClickHouse, inserted and merged", unit: "µs", from: "row archive" },
  connection: { what: "an idle connection", unit: "KiB", from: "row memory" },
  entryBytes: { what: "a hot entry beyond its body", unit: "bytes", from: "Redis' MEMORY USAGE" },
  pointerBytes: { what: "a hot pointer", unit: "bytes", from: "Redis' MEMORY USAGE" },
  userBytes: { what: "a user in Redis", unit: "bytes", from: "Redis' MEMORY USAGE" },
  conversationBytes: { what: "a conversation in Redis", unit: "bytes", from: "Redis' MEMORY USAGE" },
  dedupeBytes: { what: "a send in the dedupe tables", unit: "bytes", from: "Redis' MEMORY USAGE" },
  messageRowBytes: { what: "a message row on disk beyond its body", unit: "bytes", from: "system.columns" },
  bodyShare: { what: "a body on disk (as JSON and as searchable text), of its length", unit: "×", from: "system.columns" },
  inboxRowBytes: { what: "an inbox row on disk", unit: "bytes", from: "system.columns" },
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
