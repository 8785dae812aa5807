import { openDevice } from "../lean/device.ts";
import { openSocket, type Target } from "../lean/socket.ts";
import { pace } from "./paced.ts";

/**
 * Clients that ask, in a process of their own: `node asker.ts`, which is sent an `AskOrder`, tells `{ ready }`, and answers each `AskRun` with an
 * `AskResult`. Every answer is compared with the text that it must begin with.
 */
export interface Ask {
  /** Whose device asks; at the bare server only a name. */
  user: string;
  /** null: `data` is the whole frame, for the bare server. */
  method: string | null;
  /** JSON */
  data: string;
  /** What the result begins with. */
  expect: string;
}
export interface AskOrder {
  target: Target;
  tokens: Record<string, string>;
  asks: Ask[];
}
/** Asks in turn at this rate; with rate 0 all of them at once. */
export interface AskRun {
  rate: number;
  seconds: number;
}
export interface AskResult {
  /** ms from when each was due to its whole answer. */
  times: number[];
  failure: string | null;
}

interface Outstanding {
  due: number;
  expect: string;
}

let result: AskResult = { times: [], failure: null };
let left = 0;
let finish = (): void => {};
const fail = (why: string): void => {
  result.failure ??= why;
  finish();
};

function answered(text: string, from: number, asked: Outstanding | undefined): void {
  if (asked === undefined) return fail(`nobody asked for ${text.slice(0, 200)}`);
  result.times.push(performance.now() - asked.due);
  if (!text.startsWith(asked.expect, from)) fail(difference(text.slice(from), asked.expect));
  if (--left === 0) finish();
}

function difference(got: string, wanted: string): string {
  let at = 0;
  while (got[at] === wanted[at] && at < wanted.length) at++;
  return `another answer from character ${at} on: …${got.slice(Math.max(0, at - 80), at + 200)}… instead of …${wanted.slice(Math.max(0, at - 80), at + 200)}…`;
}

type Put = (ask: Ask, due: number) => void;
const FIRST_ID = 10;
const DATA = '"rpc":{"data":';

async function openTributary(target: Target, user: string, token: string): Promise<Put> {
  const asked = new Map<number, Outstanding>();
  let id = FIRST_ID;
  const line = (text: string) => {
    const at = text.indexOf(DATA);
    if (text.startsWith('{"push"')) return;
    if (at < 0) return fail(text.slice(0, 500));
    const of = Number(text.slice('{"id":'.length, text.indexOf(",")));
    const one = asked.get(of);
    asked.delete(of);
    answered(text, at + DATA.length, one);
  };
  const device = await openDevice(target, { user, token }, { line, closed: (code) => fail(`${user} was closed with ${code}`) });
  return ({ method, data, expect }, due) => {
    asked.set(id, { due, expect });
    device.rpc(id++, method ?? "", data);
  };
}

async function openBare(target: Target, user: string): Promise<Put> {
  const asked: Outstanding[] = [];
  const text = (frame: Buffer) => answered(frame.toString("utf8"), 0, asked.shift());
  const socket = await openSocket({ ...target, path: `/${user}` }, { text, close: (code) => fail(`${user} was closed with ${code}`) });
  return ({ data, expect }, due) => {
    asked.push({ due, expect });
    socket.send(data);
  };
}

async function run({ asks }: AskOrder, puts: ReadonlyMap<string, Put>, { rate, seconds }: AskRun): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  result = { times: [], failure: null };
  left = rate === 0 ? asks.length : Math.round(rate * seconds);
  finish = resolve;
  const put = (ask: Ask, due: number) => puts.get(ask.user)?.(ask, due);
  if (rate === 0) for (const ask of asks) put(ask, performance.now());
  else {
    await pace(rate, seconds, (due) => {
      put(asks[turn++ % asks.length] as Ask, due);
    });
  }
  await promise;
  process.send?.(result);
}
let turn = 0;

async function open(order: AskOrder): Promise<ReadonlyMap<string, Put>> {
  const puts = new Map<string, Put>();
  for (const { user, method } of order.asks) {
    if (puts.has(user)) continue;
    puts.set(
      user,
      method === null ? await openBare(order.target, user) : await openTributary(order.target, user, order.tokens[user] ?? ""),
    );
  }
  return puts;
}

process.once("message", (order: AskOrder) => {
  void open(order).then((puts) => {
    process.on("message", (wanted: AskRun) => void run(order, puts, wanted));
    process.send?.({ ready: true });
  });
});
process.once("disconnect", () => process.exit(0));
