import { Redis } from "ioredis";
import { openDevice, type Device, type Login, type Sub } from "../lean/device.ts";
import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { openSocket, type Target } from "../lean/socket.ts";
import { type Peer, startPeer } from "../peer/start.ts";
import { startReference, type Reference } from "../reference/start.ts";
import { peerLogin, peerMessage } from "./chat-peer.ts";
import { type Effort, type Row, spread } from "./row.ts";

const MISSED = 1_000;
const BODY = "x".repeat(200);
/** Reconnects of one run; its figure is their median. */
const TRIES = 15;

/** Sends what the reader will have missed, from a device of another user. */
async function sendMissed(server: LoadServer, conversationId: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let answered = 0;
  const line = (text: string) => {
    if (!text.startsWith('{"id"')) return;
    if (!text.includes('"duplicate":false')) reject(new Error(text));
    if (++answered === MISSED) resolve();
  };
  const sender = await openDevice(server.target, { user: "writer", token: await server.token("writer") }, { line, closed: reject });
  for (let n = 1; n <= MISSED; n++) {
    sender.rpc(
      n + 1,
      "message.send",
      JSON.stringify({ conversationId, clientMsgId: `n${n}`, kind: "text", body: { text: `${n} ${BODY}` } }),
    );
  }
  await promise;
  sender.destroy();
  await server.caughtUp();
}

/** A reader's position, and 1,000 messages after it. */
async function prepare(server: LoadServer): Promise<Login> {
  const { conversation } = await server.call<{ conversation: { id: string } }>("writer", "conversation.create", {
    kind: "single",
    user: "reader",
  });
  const first = { conversationId: conversation.id, clientMsgId: "first", kind: "text", body: { text: "hello" } };
  await server.call("writer", "message.send", first);
  await server.caughtUp();
  const login = { user: "reader", token: await server.token("reader") };
  const device = await openDevice(server.target, login, { line() {}, closed() {} });
  device.destroy();
  const { epoch, offset = 0 } = device.reply.connect.subs["inbox:reader"] ?? { epoch: "" };
  await sendMissed(server, conversation.id);
  return { ...login, subs: { "inbox:reader": { recover: true, epoch, offset } } };
}

const textOf = (data: unknown): string => (data as { message: { body: { text: string } } }).message.body.text;

/** ms from the connect command to the whole reply, which is checked. */
async function reconnect(target: Target, login: Login, text: (data: unknown) => string): Promise<number> {
  let started = 0;
  const device: Device = await openDevice(target, login, { line() {}, closed() {} }, () => (started = performance.now()));
  const took = device.repliedAt - started;
  device.destroy();
  const [sub] = Object.entries(device.reply.connect.subs).flatMap(([channel, one]) => (login.subs?.[channel] === undefined ? [] : [one]));
  const seen = sub?.publications ?? [];
  const right = seen.every(({ offset, data }, i) => offset === (sub?.offset ?? 0) + i + 1 && text(data) === `${i + 1} ${BODY}`);
  if (sub?.recovered !== true || seen.length !== MISSED || !right) throw new Error(`not recovered: ${seen.length} publications`);
  return took;
}

/** The same at the peer: a reader's position in a channel, and 1,000 messages after it. */
async function preparePeer(peer: Peer): Promise<Login> {
  const login = peerLogin("reader", ["missed"]);
  const device = await openDevice(peer.target, login, { line() {}, closed() {} });
  device.destroy();
  const { epoch = "", offset = 0 }: Partial<Sub> = device.reply.connect.subs["missed"] ?? {};
  const { promise, resolve } = Promise.withResolvers<void>();
  let answered = 0;
  const line = (text: string) => {
    if (text.startsWith('{"id"') && ++answered === MISSED) resolve();
  };
  const writer = await openDevice(peer.target, peerLogin("writer", []), { line, closed() {} });
  for (let n = 1; n <= MISSED; n++) writer.rpc(n + 1, "send", peerMessage("missed", n, `${n} ${BODY}`));
  await promise;
  writer.destroy();
  return { ...login, subs: { missed: { recover: true, epoch, offset } } };
}

/** The bare server has the same publications in a Redis list. */
async function fillReference(reference: Reference, server: LoadServer, login: Login): Promise<void> {
  const device = await openDevice(server.target, login, { line() {}, closed() {} });
  device.destroy();
  const redis = new Redis(reference.redisUrl);
  const rows = device.reply.connect.subs["inbox:reader"]?.publications ?? [];
  await redis.rpush("missed", ...rows.map((row) => JSON.stringify(row)));
  redis.disconnect();
}

async function ask(port: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const text = (frame: Buffer) => {
    const now = performance.now();
    const { missed } = JSON.parse(frame.toString("utf8")) as { missed: unknown[] };
    if (missed.length === MISSED) resolve(now);
  };
  const socket = await openSocket({ host: "127.0.0.1", port, path: "/reader" }, { text, close() {} });
  const started = performance.now();
  socket.send('{"missed":"missed"}');
  const took = (await promise) - started;
  socket.destroy();
  return took;
}

const BARE = "ws and one LRANGE";
const PEER = "centrifuge, Redis history";

/** Row e: 1,000 missed messages in the reply to a reconnect. */
export async function missedRows({ runs, quick }: Effort): Promise<Row[]> {
  await using reference = await startReference({ durability: "fsync" });
  await using peer = await startPeer({ durability: "everysec" });
  await using server = await startLoadServer();
  const login = await prepare(server);
  const theirs = await preparePeer(peer);
  await fillReference(reference, server, login);
  const figures: Record<"ours" | "bare" | "peer", number[]> = { ours: [], bare: [], peer: [] };
  let worst = 0;
  for (let run = -1; run < runs; run++) {
    const times: typeof figures = { ours: [], bare: [], peer: [] };
    for (let i = 0; i < (quick ? 5 : TRIES); i++) {
      times.ours.push(await reconnect(server.target, login, textOf));
      times.bare.push(await ask(reference.port));
      times.peer.push(await reconnect(peer.target, theirs, (data) => (data as { body: string }).body));
    }
    if (run < 0) continue;
    for (const side of ["ours", "bare", "peer"] as const) figures[side].push(spread(times[side]).median);
    worst = Math.max(worst, spread(times.ours).max);
  }
  return [
    {
      row: "e",
      name: "1,000 missed messages on reconnect",
      unit: "ms",
      ours: figures.ours,
      references: [
        { name: BARE, values: figures.bare },
        { name: PEER, values: figures.peer },
      ],
      target: { most: 10 },
      notes: [`slowest of all our reconnects: ${worst.toFixed(1)} ms`],
    },
  ];
}
