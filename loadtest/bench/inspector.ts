import { once } from "node:events";
import { WebSocket } from "ws";

/** Node's settings for a process whose garbage can be collected from outside. */
export const INSPECTED = ["--inspect=127.0.0.1:0"];

/** Collects the garbage of a process whose inspector has this address; returns the bytes that its objects then use, buffers included. */
export async function collectGarbage(url: string): Promise<number> {
  const socket = new WebSocket(url);
  await once(socket, "open");
  let id = 0;
  const ask = async (method: string, params: object = {}): Promise<unknown> => {
    socket.send(JSON.stringify({ id: ++id, method, params }));
    for (;;) {
      const [data] = (await once(socket, "message")) as [Buffer];
      const answer = JSON.parse(data.toString("utf8")) as { id?: number; result: unknown };
      if (answer.id === id) return answer.result;
    }
  };
  await ask("HeapProfiler.collectGarbage");
  await ask("HeapProfiler.collectGarbage");
  const expression = "(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())";
  const { result } = (await ask("Runtime.evaluate", { expression })) as { result: { value: number } };
  socket.terminate();
  return result.value;
}

/** The first inspector's address that a process has printed. */
export const inspectorIn = (log: string): string => /ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]+/.exec(log)?.[0] ?? "";
