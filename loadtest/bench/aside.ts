import { openDevice } from "../lean/device.ts";
import type { LoadServer } from "../lean/server.ts";
import { spread } from "./row.ts";

/** From one send to the next, ms. */
const EVERY = 5;
/** Sends that tell how it is when nothing else goes on. */
const CALM = 20;

/** Two people who chat quietly beside what is measured. */
export interface Aside extends AsyncDisposable {
  /** ms to an answer now, while nothing else goes on: the median of some. Forgets what was before. */
  quiet(): Promise<number>;
  /** ms of the slowest answer since then; a send that still waits counts with its wait. */
  slowest(): number;
}

export async function openAside(server: LoadServer): Promise<Aside> {
  const params = { kind: "single", user: "aside2" };
  const { conversation } = await server.call<{ conversation: { id: string } }>("aside1", "conversation.create", params);
  const waiting = new Map<number, number>();
  let times: number[] = [];
  let enough: (() => void) | null = null;
  const line = (text: string): void => {
    if (!text.startsWith('{"id"')) return;
    const id = Number(/\d+/.exec(text)?.[0]);
    times.push(performance.now() - (waiting.get(id) ?? 0));
    waiting.delete(id);
    if (times.length >= CALM) enough?.();
  };
  const closed = (code: number): never => {
    throw new Error(`the chat beside was closed with ${code}`);
  };
  const device = await openDevice(server.target, { user: "aside1", token: await server.token("aside1") }, { line, closed });
  let n = 1;
  const timer = setInterval(() => {
    const id = ++n;
    waiting.set(id, performance.now());
    device.rpc(id, "message.send", `{"conversationId":"${conversation.id}","clientMsgId":"n${id}","kind":"text","body":{"text":"hello"}}`);
  }, EVERY);
  return {
    async quiet() {
      times = [];
      await new Promise<void>((resolve) => (enough = resolve));
      enough = null;
      const { median } = spread(times);
      times = [];
      return median;
    },
    slowest: () => Math.max(0, ...times, ...[...waiting.values()].map((since) => performance.now() - since)),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      device.destroy();
      await Promise.resolve();
    },
  };
}
