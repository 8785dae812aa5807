import { setTimeout as after } from "node:timers/promises";
import { startLoadServer } from "../lean/server.ts";
import { startPeer } from "../peer/start.ts";
import { startReference } from "../reference/start.ts";
import { residentOf } from "./cpu.ts";
import { openCrowd } from "./crowds.ts";
import { collectGarbage, INSPECTED, inspectorIn } from "./inspector.ts";
import { type Effort, type Row, spread } from "./row.ts";

/** Connections that are there before the first look, so that what is loaded on first use does not count. */
const BEFORE = 200;

interface Side {
  pid: number;
  /** Collects garbage; resolves to the bytes then used. */
  collect: () => Promise<number>;
  order: Parameters<typeof openCrowd>[0];
}

interface Memory {
  resident: number;
  /** Live objects and buffers. */
  used: number;
}

/** The memory once the resident part has stopped changing. */
async function settledMemory({ pid, collect }: Side): Promise<Memory> {
  const last: Memory = { resident: 0, used: 0 };
  for (let same = 0; same < 3;) {
    last.used = await collect();
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

async function measureBare(count: number): Promise<Memory> {
  await using reference = await startReference({ execArgv: INSPECTED });
  const order = { target: { host: "127.0.0.1", port: reference.port, path: "/" }, side: "bare", count, users: "m" } as const;
  const inspector = inspectorIn(reference.log());
  return await measure({ pid: reference.pid, collect: () => collectGarbage(inspector), order });
}

async function measurePeer(count: number): Promise<Memory> {
  await using peer = await startPeer({ durability: "everysec", idle: true });
  const order = { target: peer.target, side: "peer", count, users: "m", channel: "all" } as const;
  return await measure({ pid: peer.pid, collect: () => peer.collectGarbage(), order });
}

async function measureOurs(count: number): Promise<Memory> {
  await using server = await startLoadServer({ NODE_OPTIONS: INSPECTED.join(" "), PING_SECONDS: "3600" });
  const order = { target: server.target, side: "tributary", count, users: "m" } as const;
  const inspector = inspectorIn(server.process?.log() ?? "");
  return await measure({ pid: server.process?.pid ?? 0, collect: () => collectGarbage(inspector), order });
}

/** Row memory: of the server, a connection that has nothing to say. */
export async function memoryRows({ runs, quick }: Effort): Promise<Row[]> {
  const count = quick ? 2_000 : 5_000;
  const [bare, peer, ours]: [Memory[], Memory[], Memory[]] = [[], [], []];
  for (let run = 0; run < runs; run++) {
    bare.push(await measureBare(count));
    peer.push(await measurePeer(count));
    ours.push(await measureOurs(count));
  }
  const resident = (of: readonly Memory[]) => of.map((memory) => memory.resident);
  return [
    {
      row: "memory",
      name: `an idle connection, ${count.toLocaleString("en")} of them`,
      unit: "KiB",
      ours: resident(ours),
      references: [
        { name: "ws", values: resident(bare) },
        { name: "centrifuge", values: resident(peer) },
      ],
      target: { most: 16 },
      notes: [noteOf("ours", ours), noteOf("ws", bare), noteOf("centrifuge", peer)],
    },
  ];
}
