import { randomUUID } from "node:crypto";
import type { Logger } from "#shared/run/logger.ts";
import type { NodeWord } from "#shared/wire/node-word.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import { keys, nodeChannel, roomChannel } from "./keys.ts";
import type { Hot } from "./redis.ts";

/** A node that has not been heard of for this long is gone (ms). */
const NODE_LIFE = 10_000;
/** And after this long it is struck off the list: should it come back, it has to say who is there (ms). */
const NODE_LISTED = 60_000;
const HEARTBEAT = 2_000;
/** Channel on which a node that comes or goes is named: the others look again at once. */
const NODES_CHANGED = "nodes";
const ROOM = roomChannel("");

/** What a gateway node does with what it gets. */
export interface Ears {
  push(batch: PushBatch): void;
  hear(word: NodeWord): void;
  /** The node was struck off the list and is on it again: what it had said of its users may be forgotten. */
  returned(): void;
  /** Another node is gone, and what it was about to push with it. */
  lost(): void;
}

/**
 * Carries pushes from fan-out workers to gateway nodes, and what nodes have to say to each other. Best effort and in order per sender: what is lost
 * is found out by positions. Within a process a batch is handed over directly.
 */
export interface Bus extends AsyncDisposable {
  /** Takes this node's messages. One call a node. */
  listen(node: string, ears: Ears): Promise<void>;
  /** Gives what inboxes got to the nodes that hold their users, those that are still there. */
  publish(pushes: ReadonlyMap<string, PushBatch["inbox"]>): void;
  /** Gives what rooms got to the nodes that follow them. */
  publishRooms(rooms: PushBatch["rooms"]): void;
  /** Takes what a room gets, from the moment this resolves. */
  follow(conversationId: string): Promise<void>;
  unfollow(conversationId: string): void;
  tell(node: string, word: NodeWord): void;
  /** Nodes heard of lately, refreshed every 2 s. */
  nodes(): ReadonlySet<string>;
  /** Those of the given nodes that are on no list any more: nobody is online there. */
  struckOff(nodes: readonly string[]): Promise<string[]>;
  /** Strikes off a node whose process is known to have ended. */
  strikeOff(node: string): Promise<void>;
}

/** Opens the bus. */
export async function openBus(hot: Hot, logger: Logger): Promise<Bus> {
  const local = new Map<string, Ears>();
  const listed = new Set<string>();
  let known: ReadonlySet<string> = new Set();
  /** Begins what this process says of rooms. */
  const self = randomUUID();
  const subscriber = hot.subscriber();
  subscriber.on("message", (channel: string, text: string) => {
    if (channel === NODES_CHANGED) void beat();
    else if (channel.startsWith(ROOM)) takeRoom(text);
    else take(local.get(channel), text);
  });

  /** What this process itself has published was handed over already. */
  function takeRoom(text: string): void {
    if (text.startsWith(self)) return;
    const rooms = JSON.parse(text.slice(self.length)) as PushBatch["rooms"];
    for (const ears of local.values()) ears.push({ inbox: [], rooms });
  }

  async function beat(): Promise<void> {
    try {
      const now = Date.now();
      for (const [channel, ears] of local) {
        const added = await hot.redis.zadd(keys.nodes, now, channel);
        if (Number(added) === 1 && listed.has(channel)) ears.returned();
        listed.add(channel);
      }
      await hot.redis.zremrangebyscore(keys.nodes, "-inf", `(${now - NODE_LISTED}`);
      const channels = await hot.redis.zrangebyscore(keys.nodes, now - NODE_LIFE, "+inf");
      const there = new Set(channels.map((channel) => channel.slice(nodeChannel("").length)));
      const lost = [...known].some((node) => !there.has(node));
      known = there;
      if (lost) for (const ears of local.values()) ears.lost();
    } catch (err) {
      logger.debug({ err }, "no heartbeat while Redis is away");
    }
  }
  const timer = setInterval(() => void beat(), HEARTBEAT);
  await subscriber.subscribe(NODES_CHANGED);
  await beat();

  function carry(node: string, message: PushBatch | NodeWord): void {
    hot.redis
      .publish(nodeChannel(node), JSON.stringify(message))
      .catch((err: unknown) => logger.debug({ err, node }, "a message to a node was not carried"));
  }

  return {
    async listen(node, ears) {
      local.set(nodeChannel(node), ears);
      await subscriber.subscribe(nodeChannel(node));
      await beat();
      await hot.redis.publish(NODES_CHANGED, node);
    },
    publish(pushes) {
      for (const [node, inbox] of pushes) {
        const batch: PushBatch = { inbox, rooms: [] };
        const ears = local.get(nodeChannel(node));
        if (ears !== undefined) ears.push(batch);
        else if (known.has(node)) carry(node, batch);
      }
    },
    publishRooms(rooms) {
      if (rooms.length === 0) return;
      for (const ears of local.values()) ears.push({ inbox: [], rooms });
      if (![...known].some((node) => !local.has(nodeChannel(node)))) return;
      for (const [conversationId, some] of Map.groupBy(rooms, ([id]) => id)) {
        hot.redis
          .publish(roomChannel(conversationId), self + JSON.stringify(some))
          .catch((err: unknown) => logger.debug({ err, conversationId }, "what a room got was not carried"));
      }
    },
    async follow(conversationId) {
      await subscriber.subscribe(roomChannel(conversationId));
    },
    unfollow(conversationId) {
      subscriber
        .unsubscribe(roomChannel(conversationId))
        .catch((err: unknown) => logger.debug({ err, conversationId }, "a room is still heard of"));
    },
    tell: carry,
    nodes: () => known,
    async struckOff(nodes) {
      if (nodes.length === 0) return [];
      const scores = await hot.redis.zmscore(keys.nodes, ...nodes.map(nodeChannel));
      return nodes.filter((_, i) => scores[i] === null);
    },
    async strikeOff(node) {
      await hot.redis.zrem(keys.nodes, nodeChannel(node));
      await hot.redis.publish(NODES_CHANGED, node);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      const channels = [...local.keys()];
      local.clear();
      if (channels.length > 0) {
        const gone = [hot.redis.zrem(keys.nodes, ...channels), hot.redis.publish(NODES_CHANGED, "")];
        await Promise.allSettled(gone);
      }
      subscriber.unsubscribe().catch((err: unknown) => logger.debug({ err }, "the bus closes while Redis is away"));
    },
  };
}

/** Channels of others come by the same connection. */
function take(ears: Ears | undefined, text: string): void {
  if (ears === undefined) return;
  const message = JSON.parse(text) as PushBatch | NodeWord;
  if ("word" in message) ears.hear(message);
  else ears.push(message);
}
