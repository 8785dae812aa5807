import { setTimeout as after } from "node:timers/promises";
import { startLoadServer } from "../lean/server.ts";
import { startReference } from "../reference/start.ts";
import { residentOf } from "./cpu.ts";
import { openCrowd } from "./crowds.ts";
import { collectGarbage, INSPECTED, inspectorIn } from "./inspector.ts";
import { spread, type Row } from "./result.ts";

/** Connections that are there before the first look, so that what is loaded on first use does not count. */
const BEFORE = 200;

interface Side {
  pid: number;
  inspector: string;
  order: Parameters<typeof openCrowd>[0];
}

interface Memory {
  resident: number;
  /** Live objects and buffers. */
  used: number;
}

/** The memory once the resident part has stopped changing. */
async function settledMemory({ pid, inspector }: Side): Promise<Memory> {
  const last: Memory = { resident: 0, used: 0 };
  for (let same = 0; same < 3;) {
    last.used = await collectGarbage(inspector);
    const now = residentOf(pid);
    same = Math.abs(now - last.resident) < 512 * 1024 ? same + 1 : 0;
    last.resident = now;
    await after(200);
  }
  return last;
}

/** KiB of server memory a connection. */
async function measure(side: Side): Promise<Memory> {
  const { order } = side;
  await using _before = await openCrowd({ ...order, users: "before", count: BEFORE });
  const empty = await settledMemory(side);
  await using _crowd = await openCrowd(order);
  const full = await settledMemory(side);
  const each = (of: keyof Memory) => (full[of] - empty[of]) / order.count / 1_024;
  return { resident: each("resident"), used: each("used") };
}

const noteOf = (name: string, runs: readonly Memory[]): string =>
  `${name}: ${spread(runs.map(({ used }) => used)).median.toFixed(1)} KiB of live objects and buffers a connection`;

/** Row c: memory of the server a connection that has nothing to say. */
export async function memoryRow(runs: number, count: number): Promise<Row> {
  const ours: Memory[] = [];
  const bare: Memory[] = [];
  for (let run = 0; run < runs; run++) {
    {
      await using reference = await startReference(null, INSPECTED);
      const order = { target: { host: "127.0.0.1", port: reference.port, path: "/" }, side: "bare", count, users: "m" } as const;
      bare.push(await measure({ pid: reference.pid, inspector: inspectorIn(reference.log()), order }));
    }
    await using server = await startLoadServer({ NODE_OPTIONS: INSPECTED.join(" "), PING_SECONDS: "3600" });
    const order = { target: server.target, side: "tributary", count, users: "m" } as const;
    const { process } = server;
    ours.push(await measure({ pid: process?.pid ?? 0, inspector: inspectorIn(process?.log() ?? ""), order }));
  }
  return {
    row: "c",
    name: `memory of an idle connection, ${count.toLocaleString("en")} of them`,
    unit: "KiB",
    ours: ours.map(({ resident }) => resident),
    reference: bare.map(({ resident }) => resident),
    target: { of: "ours", most: 20 },
    notes: [noteOf("ours", ours), noteOf("reference", bare)],
  };
}
