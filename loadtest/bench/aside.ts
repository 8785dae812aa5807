import { openDevice } from "../lean/device.ts";
import type { LoadServer } from "../lean/server.ts";
import { spread } from "./row.ts";

/** From one send to the next, ms. */
const EVERY = 5;
/** Sends that tell how it is when nothing else goes on. */
const CALM = 20;

/** Two people who chat quietly beside what is measured, when they are asked to. */
export interface Aside extends AsyncDisposable {
  /** They chat alone, then while `act` goes on: by how many ms its slowest answer came later than the median before. A send that still waits at its end counts with its wait. */
  delayOf(act: () => Promise<unknown>): Promise<number>;
}

export async function openAside(server: LoadServer): Promise<Aside> {
  const params = { kind: "single", user: "aside2" };
  const { conversation } = await server.call<{ conversation: { id: string } }>("aside1", "conversation.create", params);
  const waiting = new Map<number, number>();
  let times: number[] = [];
  let answered: () => void = () => {};
  const line = (text: string): void => {
    if (!text.startsWith('{"id"')) return;
    const id = Number(/\d+/.exec(text)?.[0]);
    times.push(performance.now() - (waiting.get(id) ?? 0));
    waiting.delete(id);
    answered();
  };
  const closed = (code: number): never => {
    throw new Error(`the chat beside was closed with ${code}`);
  };
  const device = await openDevice(server.target, { user: "aside1", token: await server.token("aside1") }, { line, closed });
  let n = 1;
  const send = (): void => {
    const id = ++n;
    waiting.set(id, performance.now());
    device.rpc(id, "message.send", `{"conversationId":"${conversation.id}","clientMsgId":"n${id}","kind":"text","body":{"text":"hello"}}`);
  };
  const until = (done: () => boolean) =>
    new Promise<void>((resolve) => {
      answered = () => done() && resolve();
      answered();
    });
  return {
    async delayOf(act) {
      times = [];
      const timer = setInterval(send, EVERY);
      await until(() => times.length >= CALM);
      const { median } = spread(times);
      times = [];
      await act();
      clearInterval(timer);
      const slowest = Math.max(0, ...times, ...[...waiting.values()].map((since) => performance.now() - since));
      await until(() => waiting.size === 0);
      return Math.max(0, slowest - median);
    },
    async [Symbol.asyncDispose]() {
      device.destroy();
      await Promise.resolve();
    },
  };
}
