import { crc32 } from "node:zlib";
import { BUCKETS, currentLayout } from "./layout.ts";
import { slotOf } from "./slots.ts";

/** Shards of the log of accepted sends, where Redis carries it: groups of buckets of senders. */
export const SEND_SHARDS = 8;

/** Hash fields of small dedupe tables: this many tables a bucket and generation keep each one small enough to be stored packed. */
const DEDUPE_TABLES = 16;

export const bucketOfUser = (user: string): number => crc32(user) % BUCKETS;
/** Conversation ids are handed out in sequence, so their low digits spread evenly. */
export const bucketOfConversation = (conversationId: string): number => Number(conversationId.slice(-9)) % BUCKETS;
export const partitionOf = (conversationId: string): number => bucketOfConversation(conversationId) % currentLayout().partitions;

/** All outbox partitions: groups of buckets, each with one owner among the fan-out workers. */
export const partitions = (): number[] => Array.from({ length: currentLayout().partitions }, (_, partition) => partition);

/** On a cluster the partition in whose slot a key lies; undefined for a key of no partition. */
export function partitionOfKey(key: string): number | undefined {
  const partition = currentLayout().slots.indexOf(slotOf(key));
  return partition < 0 ? undefined : partition;
}

const tagOfConversation = (conversationId: string): string => currentLayout().conversations[bucketOfConversation(conversationId)] as string;
const tagOfUser = (user: string): string => currentLayout().users[bucketOfUser(user)] as string;
const tagOfPartition = (partition: number): string => currentLayout().own[partition] as string;

const ofConversation = (prefix: string) => (conversationId: string) => `${prefix}:{${tagOfConversation(conversationId)}}:${conversationId}`;
const ofUser = (prefix: string) => (user: string) => `${prefix}:{${tagOfUser(user)}}:${user}`;

/** A stream of what users' scripts wrote, for the archive: its lines, and where the archive stands in it. */
export interface UserStream {
  key: string;
  /** Owner, cursor and intent of the archive in it. */
  lease: string;
  cursor: string;
  intent: string;
}

/** What inbox scripts wrote, as "user from to" lines; changes of relations. */
type UserStreamKind = "deliveries" | "relations";

/** There is one of each kind; on a cluster one a partition, beside its users. */
function userStream(kind: UserStreamKind, partition: number): UserStream {
  const name = currentLayout().cluster ? `${kind}:{${tagOfPartition(partition)}}` : kind;
  return { key: name, lease: `lease:${name}`, cursor: `cur:${name}`, intent: `intent:${name}` };
}

export const userStreams = (kind: UserStreamKind): UserStream[] =>
  (currentLayout().cluster ? partitions() : [0]).map((partition) => userStream(kind, partition));

const ofUsersPartition = (kind: UserStreamKind) => (user: string) => userStream(kind, bucketOfUser(user) % currentLayout().partitions).key;

/**
 * Every key of the hot tier. Users and conversations are hashed into buckets; the bucket is the Redis Cluster hash tag, so that all that one
 * script touches lies in one slot there (see layout.ts).
 */
export const keys = {
  /** hash: the head of a conversation and, under `@user`, its members. */
  head: ofConversation("c"),
  /** list: the hot entries of a conversation, the first one having seq = `b` + 1. */
  mailbox: ofConversation("m"),
  /** zset user → ordinal of joining. */
  order: ofConversation("o"),
  /** hash user → earlier stays "joined-left,…". */
  past: ofConversation("p"),
  /** zset user → seq of the latest leaving. */
  leavers: ofConversation("l"),
  /** hash: the user's offset, last timeline key, epoch, nodes, and a record for each conversation. */
  user: ofUser("u"),
  /** list: the hot pointers of an inbox, the first one having offset = `b` + 1. */
  inbox: ofUser("i"),
  /** hash: ids of the user's conversations by what reading asks of them, see lists.inc.lua. May be missing. */
  lists: ofUser("s"),
  /** string with expiry: answer of a script that changed a conversation, by the message id it was given. */
  operation: (conversationId: string, id: string) => `op:{${tagOfConversation(conversationId)}}:${conversationId}:${id}`,
  /** string: first result of a call with a requestId. */
  request: (user: string, digest: string) => `q:{${tagOfUser(user)}}:${user}:${digest}`,
  /** string: conversation id of a pair of users (sorted). */
  pair: (a: string, b: string) => `pair:{${tagOfUser(a)}}:${a} ${b}`,
  /** string: conversation id of a user's feed. */
  feed: ofUser("feed"),
  /** hash user → what this user holds of that one, see facts.ts. Who is only followed or added holds nothing. */
  facts: ofUser("f"),
  /** string with expiry: what the user was last told of another where `facts` has no line for it. */
  told: (user: string, other: string) => `ft:{${tagOfUser(user)}}:${user} ${other}`,
  /** hash digest → "seq id" of sends, of one generation of the dedupe window. All sends of a conversation are in one. */
  dedupe: (conversationId: string, generation: number) =>
    `d:{${tagOfConversation(conversationId)}}:${generation}:${Math.floor(Number(conversationId.slice(-9)) / BUCKETS) % DEDUPE_TABLES}`,
  /** stream: committed work of a partition, one stream entry a commit batch. */
  outbox: (partition: number) => `out:{${tagOfPartition(partition)}}`,
  /** hash: the node that is known to have the whole partition, number of its last write, the highest one of nodes before, and under `@process` when that wrote last (ms). */
  life: (partition: number) => `life:{${tagOfPartition(partition)}}`,
  /** hash with expiry: what processes keep of what a lost master took with it, by "process n"; `since`, and `@process` for who has brought all. */
  lostTail: (partition: number) => `lost:{${tagOfPartition(partition)}}`,
  /** string: stream id up to which a consumer has handled a partition. */
  cursor: (consumer: string, partition: number) => `cur:{${tagOfPartition(partition)}}:${consumer}`,
  /** string with expiry: owner of a partition for a consumer. */
  lease: (consumer: string, partition: number) => `lease:{${tagOfPartition(partition)}}:${consumer}`,
  /** stream: accepted sends of a shard, in the order they were accepted. */
  sends: (shard: number) => `send:{s${shard}}`,
  /** string: stream id up to which a shard is committed; owner of a shard, with expiry. */
  sendsCursor: (shard: number) => `cur:{s${shard}}:send`,
  sendsLease: (shard: number) => `lease:{s${shard}}:send`,
  /** stream: what inbox scripts wrote, for the archive, see `userStreams`. */
  deliveries: ofUsersPartition("deliveries"),
  /** stream: changes of relations, for the archive. */
  relations: ofUsersPartition("relations"),
  /** string: stream id up to which the batch goes that the archive inserts, or inserted last, so that a successor forms the same one. */
  intent: (partition: number) => `intent:{${tagOfPartition(partition)}}:archive`,
  /** string with expiry: the process that looks after what others left half done between graph and facts. */
  settlingLease: "lease:settling",
  /** string with expiry: there while relations change, so that nobody looks for what was left while none do. */
  relationsChanging: "relations:changing",
  /** hash user → "ms" or "ms since follower": feeds whose followers of before they were created are still to be brought in, see services/relation/feeds.ts. */
  filling: "filling",
  /** string: "window generation", the newest generation of dedupe tables that is removed. */
  dedupeRemoved: "removed:dedupe",
  /** zset worker → time of its last heartbeat, ms. */
  workers: (consumer: string) => `workers:${consumer}`,
  /** zset node → time of its last heartbeat, ms. */
  nodes: "nodes",
  /** hash conversation → what is known of its switches by traffic, JSON. */
  traffic: "traffic",
  /** zset conversation or user → hot entries to be looked at by the store scheduler. */
  tidy: (kind: "mailbox" | "inbox") => `tidy:${kind}`,
  /** Every dedupe table of a generation, for its removal. */
  dedupeTables: function* (generation: number): Generator<string> {
    for (const tag of currentLayout().conversations) {
      for (let table = 0; table < DEDUPE_TABLES; table++) yield `d:{${tag}}:${generation}:${table}`;
    }
  },
} as const;

/** Pub/sub channel of what reaches a node: pushes for its users, and words of other nodes. */
export const nodeChannel = (node: string): string => `node:${node}`;
/** Pub/sub channel of what a room gets, for the nodes that have readers of it. */
export const roomChannel = (conversationId: string): string => `room:${conversationId}`;
