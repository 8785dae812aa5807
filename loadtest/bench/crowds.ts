import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Target } from "../lean/socket.ts";

export interface CrowdOrder {
  target: Target;
  side: "tributary" | "bare" | "peer";
  count: number;
  /** Prefix of the user ids. */
  users: string;
  /** At the peer: the channel that all are on; none: no channel. */
  channel?: string;
}

/** say: the first member says the line, answered when the last one has it · leave: all sockets go · return: all come back with their positions */
export type CrowdTask = { do: "say"; line: string } | { do: "leave" } | { do: "return" };
export interface CrowdAnswer {
  ms: number;
  /** After a return: channels whose missed part came in full, and the publications in them. */
  recovered?: number;
  missed?: number;
}

export interface Crowd extends AsyncDisposable {
  /** ms from the first handshake until all were connected and answered. */
  joined: number;
  /** One member says the line; ms until the last one has it. Every one is checked to get the same line. */
  say(line: string): Promise<number>;
  leave(): Promise<void>;
  /** ms until all are back, with what they had missed. */
  comeBack(): Promise<Required<CrowdAnswer>>;
}

/** Opens `count` sockets to a server from a process of their own; resolves when all are connected. */
export async function openCrowd(order: CrowdOrder): Promise<Crowd> {
  const child = fork(join(import.meta.dirname, "crowd.ts"), [JSON.stringify(order)]);
  const died = once(child, "exit").then(([code]) => {
    throw new Error(`a crowd ended with ${String(code)}`);
  });
  died.catch(() => {});
  const answer = async () => (await Promise.race([once(child, "message"), died]))[0] as CrowdAnswer;
  const ask = async (task: CrowdTask): Promise<CrowdAnswer> => {
    child.send(task);
    return answer();
  };
  const { ms } = await answer();
  return {
    joined: ms,
    say: async (line) => (await ask({ do: "say", line })).ms,
    async leave() {
      await ask({ do: "leave" });
    },
    comeBack: async () => ({ recovered: 0, missed: 0, ...(await ask({ do: "return" })) }),
    async [Symbol.asyncDispose]() {
      const exit = once(child, "exit");
      if (child.connected) child.disconnect();
      await exit;
    },
  };
}
