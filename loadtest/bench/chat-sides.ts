import { openDevice } from "../lean/device.ts";
import type { LoadServer } from "../lean/server.ts";
import { openSocket } from "../lean/socket.ts";
import type { Chat } from "./chat.ts";
import { newPair, noteAck, noteSeen, numberAfter, type Pair } from "./pair.ts";

/** 200 bytes. */
export const BODY = "All human beings are born free and equal in dignity and rights. ".repeat(4).slice(0, 200);

export const newChat = (echoes: boolean, send: Chat["send"]): Chat => ({
  pairs: [],
  echoes,
  send,
  on: { ack: () => {}, delivered: () => {} },
  failure: null,
});

/** Runs a check of a line; the first thing that is wrong is kept. */
export function guarded(chat: Chat, check: (line: string) => void): (line: string) => void {
  return (line) => {
    try {
      check(line);
    } catch (thrown) {
      chat.failure ??= thrown instanceof Error ? thrown : new Error(String(thrown));
    }
  };
}

/** Command ids below are other calls'. */
export const FIRST_ID = 10;

/** Pairs of users in single conversations of a Tributary. */
export async function openTributaryChat(server: LoadServer, count: number): Promise<Chat> {
  const sends = new Map<Pair, (n: number) => void>();
  const chat = newChat(true, (pair, n) => sends.get(pair)?.(n));
  for (let i = 0; i < count; i++) {
    const [a, b] = [`a${i}`, `b${i}`];
    const { conversation } = await server.call<{ conversation: { id: string; seq: number } }>(a, "conversation.create", {
      kind: "single",
      user: b,
    });
    // The first message makes the conversation show to the other side; it is none of the counted ones.
    const first = { conversationId: conversation.id, clientMsgId: "first", kind: "text", body: { text: "hello" } };
    await server.call(a, "message.send", first);
    const pair = newPair(`${a} and ${b}`, conversation.seq + 1);
    await server.caughtUp();
    const own = await openDevice(server.target, { user: a, token: await server.token(a) }, tributaryDevice(chat, pair, pair.own));
    await openDevice(server.target, { user: b, token: await server.token(b) }, tributaryDevice(chat, pair, pair.peer));
    const head = `{"conversationId":"${conversation.id}","clientMsgId":"n`;
    const tail = `","kind":"text","body":{"text":"${BODY}"}}`;
    sends.set(pair, (n) => own.rpc(n + FIRST_ID, "message.send", head + n + tail));
    chat.pairs.push(pair);
  }
  return chat;
}

function tributaryDevice(chat: Chat, pair: Pair, seen: Pair["own"]) {
  const line = guarded(chat, (text) => {
    if (text.startsWith('{"push"')) readPush(chat, pair, seen, text);
    else {
      if (!text.includes('"duplicate":false')) throw new Error(`a send of ${pair.name} was not taken: ${text}`);
      noteAck(pair, numberAfter(text, '"id":') - FIRST_ID, numberAfter(text, '"seq":'), text);
      chat.on.ack(pair);
    }
  });
  const closed = (code: number) => {
    chat.failure ??= new Error(`a device of ${pair.name} was closed with ${code}`);
  };
  return { line, closed };
}

const MESSAGE = '"pub":{"data":{"type":"message","message":';

function readPush(chat: Chat, pair: Pair, seen: Pair["own"], text: string): void {
  if (!text.includes(MESSAGE) || !text.includes(BODY)) throw new Error(`${pair.name} got something else: ${text.slice(0, 500)}`);
  const offset = numberAfter(text, '"offset":', text.length - 30);
  noteSeen(pair, seen, numberAfter(text, '"clientMsgId":"n'), numberAfter(text, '"seq":'), offset, text);
  chat.on.delivered(pair, seen === pair.peer ? "peer" : "own");
}

/** The same pairs at the bare server. */
export async function openReferenceChat(port: number, count: number): Promise<Chat> {
  const sends = new Map<Pair, (n: number) => void>();
  const chat = newChat(false, (pair, n) => sends.get(pair)?.(n));
  for (let i = 0; i < count; i++) {
    const pair = newPair(`a${i} and b${i}`, 0);
    const device = async (user: string) => {
      const read = guarded(chat, (text) => readReference(chat, pair, text));
      const close = (code: number) => {
        chat.failure ??= new Error(`${user} was closed with ${code}`);
      };
      return openSocket({ host: "127.0.0.1", port, path: `/${user}` }, { text: (frame) => read(frame.toString("utf8")), close });
    };
    const own = await device(`a${i}`);
    await device(`b${i}`);
    sends.set(pair, (n) => own.send(`{"to":"b${i}","n":${n},"body":"${BODY}"}`));
    chat.pairs.push(pair);
  }
  return chat;
}

function readReference(chat: Chat, pair: Pair, text: string): void {
  if (text.startsWith('{"ack":')) {
    noteAck(pair, numberAfter(text, '"ack":'), numberAfter(text, '"seq":'), text);
    chat.on.ack(pair);
  } else {
    if (!text.includes(BODY)) throw new Error(`${pair.name} got something else: ${text.slice(0, 500)}`);
    noteSeen(pair, pair.peer, numberAfter(text, '"n":'), numberAfter(text, '"seq":'), 0, text);
    chat.on.delivered(pair, "peer");
  }
}
