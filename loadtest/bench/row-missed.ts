import { Redis } from "ioredis";
import { openDevice, type Device, type Login } from "../lean/device.ts";
import { startLoadServer, type LoadServer } from "../lean/server.ts";
import { openSocket } from "../lean/socket.ts";
import { startReference, type Reference } from "../reference/start.ts";
import { spread, type Row } from "./result.ts";

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
  const { epoch, offset } = device.reply.connect.subs["inbox:reader"] ?? { epoch: "", offset: 0 };
  await sendMissed(server, conversation.id);
  return { ...login, subs: { "inbox:reader": { recover: true, epoch, offset } } };
}

/** ms from the connect command to the whole reply, which is checked. */
async function reconnect(server: LoadServer, login: Login): Promise<number> {
  let started = 0;
  const device: Device = await openDevice(server.target, login, { line() {}, closed() {} }, () => (started = performance.now()));
  const took = device.repliedAt - started;
  device.destroy();
  const sub = device.reply.connect.subs["inbox:reader"];
  const seen = (sub?.publications ?? []) as { offset: number; data: { message: { body: { text: string } } } }[];
  const right = seen.every(({ offset, data }, i) => offset === (sub?.offset ?? 0) + i + 1 && data.message.body.text === `${i + 1} ${BODY}`);
  if (sub?.recovered !== true || seen.length !== MISSED || !right) throw new Error(`not recovered: ${seen.length} publications`);
  return took;
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

/** Row d: 1,000 missed messages in the reply to a reconnect. */
export async function missedRow(runs: number): Promise<Row> {
  await using reference = await startReference("fsync");
  await using server = await startLoadServer();
  const login = await prepare(server);
  await fillReference(reference, server, login);
  const ours: number[] = [];
  const bare: number[] = [];
  let worst = 0;
  for (let run = -1; run < runs; run++) {
    const times: [number[], number[]] = [[], []];
    for (let i = 0; i < TRIES; i++) {
      times[0].push(await reconnect(server, login));
      times[1].push(await ask(reference.port));
    }
    if (run < 0) continue;
    ours.push(spread(times[0]).median);
    bare.push(spread(times[1]).median);
    worst = Math.max(worst, spread(times[0]).max);
  }
  const notes = [`slowest of all ${runs * TRIES} reconnects: ${worst.toFixed(1)} ms`];
  return {
    row: "d",
    name: "1,000 missed messages on reconnect",
    unit: "ms",
    ours,
    reference: bare,
    target: { of: "ours", most: 30 },
    notes,
  };
}
