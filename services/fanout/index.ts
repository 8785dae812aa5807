import type { Registry } from "prom-client";
import type { Bus } from "#shared/hot/bus.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { switchMode } from "#shared/hot/changes.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Log, LogBatch } from "#shared/log/port.ts";
import type { Ids } from "#shared/wire/ports.ts";
import type { Logger } from "#shared/run/logger.ts";
import { defineMetrics, type MetricTable } from "#shared/run/metrics.ts";
import type { Waker } from "#shared/run/waker.ts";
import { createAudiences } from "./audience.ts";
import { placedOf } from "./placed.ts";
import { deliver, type Delivered, type Gap, type Plan } from "./plan.ts";
import { planOf, type Deps } from "./process.ts";
import { repairPlan } from "./repair.ts";
import { createTraffic } from "./traffic.ts";

export const fanoutMetrics = {
  tributary_fanout_records_total: { kind: "counter", help: "Outbox records handled." },
  tributary_inbox_writes_total: { kind: "counter", help: "Pointers and events written into inboxes." },
  tributary_room_entries_total: { kind: "counter", help: "Entries handed to rooms instead of inboxes." },
  tributary_fanout_repairs_total: { kind: "counter", help: "Inboxes that lacked entries and were caught up from the mailbox." },
  tributary_fanout_batch_seconds: { kind: "histogram", help: "Time from reading a batch of the outbox to its pushes." },
} as const satisfies MetricTable;

/** Where commits have handed over all of a batch, the next one may grow for so long, ms, unless a commit of this process leaves something to be done. */
const GROW = 10;

/** The fan-out station: outbox → inboxes, and pushes to the nodes that have the readers online. Repeating any part of it changes nothing. */
export function startFanout(deps: {
  hot: Hot;
  log: Log;
  entries: Entries;
  bus: Bus;
  ids: Ids;
  /** Woken when a commit has left something to be done. */
  left: Waker;
  config: { fanoutWriteMax: number; fanoutWriteBudget: number; archiveInbox: boolean };
  logger: Logger;
  registry: Registry;
}): AsyncDisposable {
  const { hot, log, entries, bus, ids, config, logger } = deps;
  const metrics = defineMetrics(deps.registry, fanoutMetrics);
  const audiences = createAudiences(hot);
  const traffic = createTraffic({
    hot,
    budget: config.fanoutWriteBudget,
    logger,
    switchMode: async (conversationId, mode) => {
      await switchMode({ hot, ids, fanoutWriteMax: config.fanoutWriteMax }, conversationId, mode);
    },
  });
  const planning: Deps = { hot, entries, audiences, traffic: (...entry) => traffic.note(...entry) };

  async function handle({ runs }: LogBatch): Promise<void> {
    const end = metrics.tributary_fanout_batch_seconds.startTimer();
    const records = placedOf(runs);
    const plan = await planOf(planning, records);
    const delivered = await deliver(hot, plan, config.archiveInbox);
    await repair(plan, delivered);
    bus.publish(delivered.pushes);
    bus.publishRooms(plan.rooms);
    end();
    const { copies, roomEntries } = plan.handed;
    metrics.tributary_fanout_records_total.inc(records.length);
    metrics.tributary_inbox_writes_total.inc(delivered.written + copies);
    metrics.tributary_room_entries_total.inc(plan.rooms.reduce((sum, [, from, to]) => sum + to - from + 1, roomEntries));
    await traffic.tick(Date.now());
    if (plan.empty) await deps.left.pause(GROW);
  }

  /** Catches inboxes up that lack something, then gives them the rest of the plan. */
  async function repair(plan: Plan, delivered: Delivered): Promise<void> {
    for (let gaps = delivered.gaps; gaps.length > 0;) {
      const first = new Map<string, Gap>();
      for (const gap of gaps) first.getOrInsert(`${gap.user} ${gap.op.conversationId}`, gap);
      let mended = 0;
      for (const gap of first.values()) {
        metrics.tributary_fanout_repairs_total.inc();
        mended += await catchUp(gap, delivered);
      }
      const again = await deliver(hot, plan.only(new Set(gaps.map(({ user }) => user))), config.archiveInbox);
      gather(again, delivered);
      if (mended === 0 && again.written === 0) throw new Error(`${gaps.length} steps of inboxes do not fit and cannot be mended`);
      gaps = again.gaps;
    }
  }

  /** From the mailbox, a part at a time; resolves to how many pointers were written. */
  async function catchUp(gap: Gap, delivered: Delivered): Promise<number> {
    for (let all = 0; ;) {
      const mended = await deliver(hot, await repairPlan({ hot, entries }, gap), config.archiveInbox);
      gather(mended, delivered);
      if (mended.written === 0) return all;
      all += mended.written;
    }
  }

  const reader = log.consume({
    consumer: "fanout",
    handle,
    changed: async (owned) => {
      audiences.clear();
      await traffic.adopt(owned);
    },
  });
  const timer = setInterval(() => {
    traffic.tick(Date.now()).catch((err: unknown) => logger.warn({ err }, "traffic was not looked at"));
  }, 1_000);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await reader[Symbol.asyncDispose]();
    },
  };
}

/** Adds what another delivery wrote. */
function gather(more: Delivered, delivered: Delivered): void {
  delivered.written += more.written;
  for (const [node, inbox] of more.pushes) delivered.pushes.getOrInsertComputed(node, () => []).push(...inbox);
}
