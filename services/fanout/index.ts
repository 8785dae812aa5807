import type { Registry } from "prom-client";
import type { Bus } from "#shared/hot/bus.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { switchMode } from "#shared/hot/changes.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { newEpoch } from "#shared/hot/users.ts";
import type { Ids } from "#shared/wire/ports.ts";
import type { Logger } from "#shared/run/logger.ts";
import { defineMetrics, type MetricTable } from "#shared/run/metrics.ts";
import type { PushBatch } from "#shared/wire/record.ts";
import { createAudiences } from "./audience.ts";
import { readPartitions, type OutboxBatch } from "./partitions.ts";
import { deliver, type Delivered } from "./plan.ts";
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

/** The fan-out station: outbox → inboxes, and pushes to the nodes that have the readers online. Repeating any part of it changes nothing. */
export function startFanout(deps: {
  hot: Hot;
  entries: Entries;
  bus: Bus;
  ids: Ids;
  config: { fanoutWriteMax: number; fanoutWriteBudget: number; archiveInbox: boolean };
  logger: Logger;
  registry: Registry;
}): AsyncDisposable {
  const { hot, entries, bus, ids, config, logger } = deps;
  const metrics = defineMetrics(deps.registry, fanoutMetrics);
  const seed = newEpoch();
  const audiences = createAudiences(hot);
  const traffic = createTraffic({
    hot,
    budget: config.fanoutWriteBudget,
    logger,
    switchMode: async (conversationId, mode) => {
      await switchMode({ hot, ids, fanoutWriteMax: config.fanoutWriteMax }, conversationId, mode);
    },
  });
  const planning: Deps = { hot, entries, audiences, traffic: traffic.note };

  async function handle({ records }: OutboxBatch): Promise<void> {
    const end = metrics.tributary_fanout_batch_seconds.startTimer();
    const plan = await planOf(planning, records);
    const delivered = await deliver(hot, plan, seed, config.archiveInbox);
    await repair(delivered);
    push(bus, delivered.pushes, plan.rooms);
    end();
    metrics.tributary_fanout_records_total.inc(records.length);
    metrics.tributary_inbox_writes_total.inc(delivered.written);
    metrics.tributary_room_entries_total.inc(plan.rooms.reduce((sum, [, from, to]) => sum + to - from + 1, 0));
    await traffic.tick(Date.now());
  }

  async function repair(delivered: Delivered): Promise<void> {
    const first = new Map<string, Delivered["gaps"][number]>();
    for (const gap of delivered.gaps) first.set(`${gap.user} ${gap.op.conversationId}`, gap);
    for (const gap of first.values()) {
      metrics.tributary_fanout_repairs_total.inc();
      for (;;) {
        const mended = await deliver(hot, await repairPlan({ hot, entries }, gap), seed, config.archiveInbox);
        for (const [node, inbox] of mended.pushes) delivered.pushes.getOrInsertComputed(node, () => []).push(...inbox);
        if (mended.written === 0) break;
      }
    }
  }

  const reader = readPartitions({
    hot,
    consumer: "fanout",
    logger,
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

/** Inboxes go to the nodes that hold the user, rooms to every node: each knows which rooms it has. */
function push(bus: Bus, pushes: Map<string, PushBatch["inbox"]>, rooms: PushBatch["rooms"]): void {
  const nodes = bus.nodes();
  const wanted = rooms.length > 0 ? nodes : [...pushes.keys()].filter((node) => nodes.has(node));
  for (const node of wanted) bus.publish(node, { inbox: pushes.get(node) ?? [], rooms });
}
