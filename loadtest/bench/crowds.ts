import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Target } from "../lean/socket.ts";

export interface Crowd extends AsyncDisposable {
  /** One member says the line; ms until the last one has it. */
  say(line: string): Promise<number>;
}

/** Opens `count` sockets to a server from a process of their own; resolves when all are connected. */
export async function openCrowd(order: { target: Target; side: "tributary" | "bare"; count: number; users: string }): Promise<Crowd> {
  const child = fork(join(import.meta.dirname, "crowd.ts"), [JSON.stringify(order)]);
  const died = once(child, "exit").then(([code]) => {
    throw new Error(`a crowd ended with ${String(code)}`);
  });
  died.catch(() => {});
  const answer = async () => (await Promise.race([once(child, "message"), died]))[0] as { ready?: true; ms?: number };
  await answer();
  return {
    async say(line) {
      child.send({ say: line });
      return (await answer()).ms ?? NaN;
    },
    async [Symbol.asyncDispose]() {
      const exit = once(child, "exit");
      if (child.connected) child.disconnect();
      await exit;
    },
  };
}
