import { setTimeout as after } from "node:timers/promises";
import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { startPeer } from "../peer/start.ts";
import { startReference } from "../reference/start.ts";
import { openCrowd, type CrowdOrder } from "./crowds.ts";
import { readMetrics } from "../lean/metrics.ts";
import type { Effort, Row } from "./row.ts";

const BARE = "ws with the same token check";
const PEER = "centrifuge, Redis history";
/** Members of a group, below the limit of copying. */
const GROUP = 500;

interface Sides {
  orders: { name: string; order: CrowdOrder }[];
  server: LoadServer;
}

async function openSides(stack: AsyncDisposableStack, count: number): Promise<Sides> {
  const bare = stack.use(await startReference());
  const peer = stack.use(await startPeer({ durability: "everysec" }));
  const server = stack.use(await startLoadServer({ PING_SECONDS: "3600" }));
  const common = { count, users: "d" };
  return {
    server,
    orders: [
      { name: BARE, order: { ...common, side: "bare", target: { host: "127.0.0.1", port: bare.port, path: "/" } } },
      { name: PEER, order: { ...common, side: "peer", target: peer.target, channel: "all" } },
      { name: "ours", order: { ...common, side: "tributary", target: server.target } },
    ],
  };
}

/** Everyone is in one group of copied messages: what is said in them is missed by all who are away. */
async function foundGroups(server: LoadServer, count: number): Promise<string[]> {
  const users = Array.from({ length: count }, (_, i) => `d${i}`);
  const ids: string[] = [];
  for (let first = 0; first < count; first += GROUP) {
    const [owner = "", ...members] = users.slice(first, first + GROUP);
    const params = { kind: "group", title: "a group", members };
    ids.push((await server.call<{ conversation: { id: string } }>(owner, "conversation.create", params)).conversation.id);
  }
  await server.caughtUp();
  return ids;
}

async function sayToAll(server: LoadServer, ids: readonly string[], n: number): Promise<void> {
  for (const [i, conversationId] of ids.entries())
    await server.call(`d${i * GROUP}`, "message.send", { conversationId, clientMsgId: `m${n}`, kind: "text", body: { text: "hello" } });
  await server.caughtUp();
}

/** Until the server has noticed that the sockets are gone. */
async function empty(server: LoadServer): Promise<void> {
  while (((await readMetrics(server.http)).get("tributary_gateway_connections") ?? 0) > 0) await after(50);
}

/** Row d: a crowd connects with tokens; then all come back at once, each with a position and a message missed. */
export async function connectRows({ runs, quick }: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const count = quick ? 1_000 : 5_000;
  const { orders, server } = await openSides(stack, count);
  const ids = await foundGroups(server, count);
  const times = new Map<string, number[]>(orders.map(({ name }) => [name, []]));
  const returns: number[] = [];
  for (let run = -1; run < runs; run++) {
    for (const { name, order } of orders) {
      await using crowd = await openCrowd(order);
      if (run >= 0) times.get(name)?.push(crowd.joined / 1_000);
      if (name !== "ours") continue;
      await crowd.leave();
      await empty(server);
      await sayToAll(server, ids, run);
      const { ms, recovered, missed } = await crowd.comeBack();
      if (recovered !== count || missed !== count) throw new Error(`of ${count} ${recovered} recovered, with ${missed} publications`);
      if (run >= 0) returns.push(ms / 1_000);
    }
    await empty(server);
  }
  const ours = times.get("ours") ?? [];
  const references = [BARE, PEER].map((name) => ({ name, values: times.get(name) ?? [] }));
  const each = `${count.toLocaleString("en")} connections`;
  const back = [{ name: "connecting", values: ours }];
  return [
    { row: "d", name: `${each} with tokens`, unit: "s", ours, references, target: { against: BARE, most: 1.4 }, notes: [] },
    {
      row: "d",
      name: `${each} come back, each with a message missed`,
      unit: "s",
      ours: returns,
      references: back,
      target: { against: "connecting", most: 2 },
      notes: [],
    },
  ];
}
