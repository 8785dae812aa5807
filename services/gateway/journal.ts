import { keys, partitions } from "#shared/hot/keys.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Logger } from "#shared/run/logger.ts";
import { sessionLine } from "#shared/wire/record.ts";
import type { Outlet } from "./ports.ts";

const PAUSE = 1_000;
/** Lines kept while Redis is away; what is beyond is not told. */
const MOST = 100_000;

/** Tells the archive of connections that begin and end, in one write a second. Best effort: it is for analysts, nothing is decided by it. */
export interface Journal extends AsyncDisposable {
  connected(outlet: Outlet, device: string): void;
  /** When a connection began, Unix ms; now for one it was not told of. */
  since(outlet: Outlet): number;
  /** Does nothing for a connection it was not told of, or told of the end of. */
  disconnected(outlet: Outlet): void;
}

/** Opens the journal of a node. */
export function keepJournal(hot: Hot, node: string, logger: Logger): Journal {
  const open = new Map<Outlet, { device: string; since: number }>();
  const outbox = keys.outbox(Number.parseInt(node, 16) % partitions().length);
  let lines: string[] = [];

  const put = (outlet: Outlet, device: string, at: number, life: number): void => {
    if (lines.length < MOST) lines.push(sessionLine(outlet.user, outlet.client, device, node, at, life));
  };
  const disconnected = (outlet: Outlet): void => {
    const known = open.get(outlet);
    if (known === undefined) return;
    open.delete(outlet);
    const now = Date.now();
    put(outlet, known.device, now, Math.max(1, now - known.since));
  };

  async function write(): Promise<void> {
    if (lines.length === 0) return;
    const some = lines;
    lines = [];
    try {
      await hot.redis.xadd(outbox, "*", "r", some.join("\n"), "i", "");
    } catch (err) {
      logger.debug({ err }, "connections were not told to the archive; trying again");
      lines = [...some, ...lines].slice(0, MOST);
    }
  }
  const timer = setInterval(() => void write(), PAUSE);
  timer.unref();

  return {
    connected(outlet, device) {
      const since = Date.now();
      open.set(outlet, { device, since });
      put(outlet, device, since, 0);
    },
    since: (outlet) => open.get(outlet)?.since ?? Date.now(),
    disconnected,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const outlet of open.keys()) disconnected(outlet);
      await write();
    },
  };
}
