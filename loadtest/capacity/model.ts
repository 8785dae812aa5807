/** What a deployment has to carry, at its busiest. */
export interface Load {
  name: string;
  /** Messages a second. */
  messages: number;
  /** Of them, the share that goes to conversations in read mode. */
  readShare: number;
  /** Members of a conversation in write mode that a message is copied to, the sender among them; on average over the messages. */
  copies: number;
  /** Members online of a conversation in read mode; on average over the messages. */
  readers: number;
  /** Connections open at once. */
  connections: number;
  /** Of the members of a conversation in write mode, the share with a device online. */
  onlineShare: number;
  /** Bytes of a body, its JSON. */
  body: number;
  /** Of the busiest second, what the mean second has. */
  meanShare: number;
  /** Days of history kept. */
  days: number;
  /** Inboxes with something in them, and entries hot in each. */
  users: number;
  hotPointers: number;
  /** Conversations in use, and entries hot in each. */
  conversations: number;
  hotEntries: number;
}

/** What things cost on one core, or in bytes, as measured; each constant says by which row of the bench. */
export interface Costs {
  /** µs of a gateway and worker core: a message from its frame to its answer, its record and its fan-out plan. */
  message: number;
  /** µs of a core: one line to a device that gets it with others of its turn. */
  push: number;
  /** µs of a Redis core: the commit of a message, and its records read by both consumers. */
  commit: number;
  /** µs of a Redis core: one pointer into one inbox. */
  pointer: number;
  /** µs of a core: the archive's work on one row. */
  archiveRow: number;
  /** µs of a ClickHouse core: one row inserted and merged. */
  coldRow: number;
  /** KiB of a gateway: one connection. */
  connection: number;
  /** Bytes of Redis, beyond the body: an entry; a pointer; a user; a conversation; a send in the dedupe tables. */
  entryBytes: number;
  pointerBytes: number;
  userBytes: number;
  conversationBytes: number;
  dedupeBytes: number;
  /** Bytes on disk: a message row beyond its body, a body as a share of its length, and an inbox row. */
  messageRowBytes: number;
  bodyShare: number;
  inboxRowBytes: number;
  /** Bytes on the wire of a delivery beyond the body. */
  envelope: number;
}

/** Machines by what they do, and what they need beside cores. */
export interface Machines {
  gatewayCores: number;
  gatewayMemoryGiB: number;
  redisShards: number;
  redisMemoryGiB: number;
  clickhouseCores: number;
  diskTiB: number;
  outGbit: number;
  inGbit: number;
  deliveries: number;
  inboxWrites: number;
}

/** A core is planned to be busy for this part of the busiest second: what is over is for bursts, restarts and the loss of a machine. */
export const PLANNED = 0.5;
/** Copies of what is hot (a primary and one replica), and of what is archived. */
export const REPLICAS = 2;

const US = 1e6;
const GIB = 2 ** 30;

/** How many of what a load takes, by the costs. Whole machines are the reader's to choose: cores add up, shards are one core of Redis each. */
export function machinesFor(load: Load, costs: Costs): Machines {
  const copied = load.messages * (1 - load.readShare);
  const read = load.messages * load.readShare;
  const inboxWrites = copied * load.copies;
  const deliveries = inboxWrites * load.onlineShare + read * load.readers;
  const busy = (us: number) => us / US / PLANNED;
  const rows = load.messages + inboxWrites;
  const perDay = 86_400 * load.meanShare;
  const hot =
    load.conversations * (costs.conversationBytes + load.hotEntries * (costs.entryBytes + load.body)) +
    load.users * (costs.userBytes + load.hotPointers * costs.pointerBytes) +
    load.messages * load.meanShare * 2 * 3_600 * costs.dedupeBytes;
  const messageBytes = costs.messageRowBytes + load.body * costs.bodyShare;
  return {
    gatewayCores: busy(load.messages * costs.message + deliveries * costs.push + rows * costs.archiveRow),
    gatewayMemoryGiB: (load.connections * costs.connection * 1_024) / GIB,
    redisShards: busy(load.messages * costs.commit + inboxWrites * costs.pointer),
    redisMemoryGiB: (hot * REPLICAS) / GIB,
    clickhouseCores: busy(rows * costs.coldRow) * REPLICAS,
    diskTiB: ((load.messages * messageBytes + inboxWrites * costs.inboxRowBytes) * perDay * load.days * REPLICAS) / 2 ** 40,
    outGbit: (deliveries * (load.body + costs.envelope) * 8) / 1e9,
    inGbit: (load.messages * (load.body + costs.envelope) * 8) / 1e9,
    deliveries,
    inboxWrites,
  };
}
