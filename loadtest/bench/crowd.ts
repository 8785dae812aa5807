import { performance } from "node:perf_hooks";
import { openDevice } from "../lean/device.ts";
import { openSocket, type Target } from "../lean/socket.ts";
import { tokenOf } from "../lean/token.ts";

/**
 * Many idle sockets in a process of their own: `node crowd.ts '{"target","side","count","users"}'`. Tells its parent `{ ready }`; on `{ say }`
 * the first member sends that line and it tells `{ ms }` from there to the last member's receipt, every one checked to be the same line.
 */
interface Order {
  target: Target;
  side: "tributary" | "bare";
  count: number;
  /** Prefix of the user ids. */
  users: string;
}
const { target, side, count, users } = JSON.parse(process.argv[2] ?? "{}") as Order;
/** Connections from one source address. */
const FROM_ONE = 5_000;
/** Handshakes under way at once. */
const OPENING = 100;

let first = "";
let got = 0;
let saidAt = 0;

function receive(line: string): void {
  if (!line.includes('"marker')) return;
  if (got === 0) first = line;
  if (line !== first) throw new Error(`two members got different lines:\n${first}\n${line}`);
  got++;
  if (got === count) process.send?.({ ms: performance.now() - saidAt });
}

const closed = (code: number): never => {
  throw new Error(`a member was closed with ${code}`);
};

async function join(index: number): Promise<(line: string) => void> {
  const user = `${users}${index}`;
  const from = { ...target, from: `127.0.0.${2 + Math.floor(index / FROM_ONE)}` };
  if (side === "bare") {
    const socket = await openSocket({ ...from, path: `/${user}` }, { text: (frame) => receive(frame.toString("utf8")), close: closed });
    return (line) => socket.send(line);
  }
  const device = await openDevice(from, { user, token: tokenOf(user) }, { line: receive, closed });
  return (line) => device.rpc(2, "message.send", line);
}

const say: ((line: string) => void)[] = [];
let next = 0;
await Promise.all(
  Array.from({ length: OPENING }, async () => {
    while (next < count) {
      const index = next++;
      say[index] = await join(index);
    }
  }),
);
process.on("message", (order: { say: string }) => {
  got = 0;
  saidAt = performance.now();
  say[0]?.(order.say);
});
process.once("disconnect", () => process.exit(0));
process.send?.({ ready: true });
