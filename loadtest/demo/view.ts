import { readMetrics } from "../lean/metrics.ts";
import type { Chatter } from "./chatter.ts";
import type { Oracle } from "./oracle.ts";

export interface View {
  /** Shows what has happened since the last call. */
  show(): Promise<void>;
}

const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
const many = (value: number): string => Math.round(value).toLocaleString("en");
const mega = (value: number): string => `${(value / 2 ** 20).toFixed(0)} MB`;

/** Rates, latencies, modes and tiers: redrawn in place on a terminal, else a line a call. */
export function openView(http: string, chatter: Chatter, oracle: Oracle, sockets: number): View {
  const started = performance.now();
  const tty = process.stdout.isTTY;
  let at = started;
  let before = new Map<string, number>();
  let drawn = 0;

  async function lines(): Promise<string[]> {
    const metrics = await readMetrics(http).catch(() => before);
    const now = performance.now();
    const seconds = (now - at) / 1_000;
    at = now;
    const rate = (name: string) => many(((metrics.get(name) ?? 0) - (before.get(name) ?? 0)) / seconds);
    const rooms = [...oracle.rooms.values()];
    const [acks, deliveries] = [chatter.acks.recent(), chatter.deliveries.recent()];
    const made = [
      `${((now - started) / 1_000).toFixed(0).padStart(3)} s  ${many(sockets)} sockets, ${many(rooms.length)} conversations`,
      `answered ${many(acks.count / seconds)}/s  p50 ${ms(acks.p50)}  p99 ${ms(acks.p99)}  waiting ${chatter.waiting()}`,
      `delivered ${many(deliveries.count / seconds)}/s  p50 ${ms(deliveries.p50)}  p99 ${ms(deliveries.p99)}`,
      `copied ${rate("tributary_inbox_writes_total")} pointers/s, ${rate("tributary_room_entries_total")} entries/s to rooms; ` +
        `${rooms.filter(({ mode }) => mode === "read").length} conversations in read mode, ${rooms.reduce((sum, { switches }) => sum + switches, 0)} switches`,
      tiersOf(metrics),
      `violations ${oracle.violationCount()}`,
    ];
    before = metrics;
    return made;
  }

  return {
    async show() {
      const made = await lines();
      if (!tty) {
        process.stdout.write(`${made.join(" | ")}\n`);
        return;
      }
      const up = drawn === 0 ? "" : `\x1b[${drawn}A`;
      drawn = made.length;
      process.stdout.write(`${up}${made.map((line) => `\x1b[2K${line}\n`).join("")}`);
    },
  };
}

function tiersOf(metrics: Map<string, number>): string {
  const hot = metrics.get('tributary_tier_bytes{tier="hot",kind="redis"}');
  const archived = metrics.get("tributary_archive_rows_total");
  const lag = [...metrics].flatMap(([name, value]) => (name.startsWith("tributary_archive_lag_seconds{") ? [value] : []));
  const tiers = [
    `hot ${hot === undefined ? "?" : mega(hot)} of Redis`,
    archived === undefined ? "no archive" : `${many(archived)} rows archived, ${Math.max(0, ...lag).toFixed(1)} s behind`,
    `server ${mega(metrics.get("process_resident_memory_bytes") ?? 0)}`,
  ];
  return tiers.join(", ");
}
