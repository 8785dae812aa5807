import { startArchive } from "#services/archive/index.ts";
import { startFanout } from "#services/fanout/index.ts";
import { openHub } from "#services/gateway/hub.ts";
import { startGateway } from "#services/gateway/index.ts";
import { conversationMethods } from "#services/conversation/index.ts";
import { openRelations } from "#services/relation/index.ts";
import { createTimeline } from "#services/timeline/index.ts";
import { createHandOver } from "#services/writer/hand-over.ts";
import { createWriter } from "#services/writer/index.ts";
import { startSendWorker } from "#services/writer/worker.ts";
import type { Entries } from "#shared/hot/entries.ts";
import { createProgress, type Progress } from "#shared/hot/progress.ts";
import { createConversationIds } from "#shared/ids/conversation-ids.ts";
import { measureLags } from "#shared/log/measure.ts";
import { refuseLostBacklog } from "#shared/log/leaving-kafka.ts";
import { startRelay } from "#shared/log/relay.ts";
import type { SendLog } from "#shared/log/sends.ts";
import type { Role } from "#shared/run/config.ts";
import { createWaker, type Waker } from "#shared/run/waker.ts";
import { type Dependencies, isReady, startOperations } from "#shared/run/operations.ts";
import type { Methods } from "#shared/wire/ports.ts";
import { type Logs, openLogs } from "./logs.ts";
import type { Stores } from "./stores.ts";

/** A running role that says where it can be reached, if it listens. */
interface Running {
  port?: number;
}
type Start = (stores: Stores, shared: Shared, stack: AsyncDisposableStack) => Promise<Running>;

/** What the roles of one process share: entries that one of them has at hand are at hand for all. */
interface Shared {
  entries: Entries;
  timeline: ReturnType<typeof createTimeline>;
  progress: Progress;
  logs: Logs;
  /** Woken by commits that leave something to the fan-out. */
  left: Waker;
}

/** The one list of services. Roles meet through Redis and the bus, so a process may have any of them. */
const roles: Record<Role, Start> = {
  fanout: startWorking,
  async archive({ hot, archive: cold, kafka, config, logger, registry }, { entries, logs }, stack) {
    if (kafka === null) await refuseLostBacklog(hot);
    stack.use(await startArchive({ hot, entries, cold, tail: logs.archiveTail(), config, logger, registry }));
    return {};
  },
  gateway: startDoor,
};

/** The fan-out, with what stands before it on a message's way: the commit of accepted sends, and the relay into Kafka. */
async function startWorking(stores: Stores, { entries, logs, left }: Shared, stack: AsyncDisposableStack): Promise<Running> {
  const { hot, kafka, bus, ids, config, logger, registry } = stores;
  const { committed: log, pushes } = logs;
  stack.use(measureLags({ logs: logs.measured, registry, logger }));
  stack.use(startFanout({ hot, log, entries, bus, ids, left, config, logger, registry }));
  if (kafka !== null && config.kafka !== null) stack.use(startRelay({ hot, kafka, partitions: config.kafka.partitions, logger }));
  const accepting = await logsOfSends(logs, config.sendAck === "accepted");
  if (accepting.length > 0) {
    const { dedupeWindowMs, archiveInbox } = config;
    const handOver = createHandOver({ hot, bus, roomAt: () => null, archiveInbox, left, logger });
    stack.use(startSendWorker({ hot, entries, ids, dedupeWindowMs, handOver, logs: accepting, pushes, registry }));
  }
  return {};
}

/** The log of sends in use, and those where something is left that was accepted under other settings. */
async function logsOfSends({ sends, before }: Logs, accepts: boolean): Promise<SendLog[]> {
  const left = await Promise.all(
    [sends, ...before].map((log) =>
      log.lags().then(
        (lags) => lags.some(({ records }) => records > 0),
        () => true,
      ),
    ),
  );
  return [sends, ...before].filter((log, i) => left[i] === true || (accepts && log === sends));
}

/** The gateway with the stations whose methods it serves. */
async function startDoor(
  stores: Stores,
  { entries, timeline, progress, logs, left }: Shared,
  stack: AsyncDisposableStack,
): Promise<Running> {
  const { hot, graph, bus, ids, config, logger, scrape, registry, node, hurry } = stores;
  const { sends, pushes } = logs;
  const accepts = config.sendAck === "accepted";
  const hub = stack.use(
    await openHub({
      hot,
      entries,
      bus,
      recover: timeline.recover,
      readInbox: (user, from, to) => timeline.readInbox(user, from, to),
      logger,
      node,
      maxConnections: config.maxConnections,
    }),
  );
  if (accepts) stack.use(pushes.listen(node, (user, event) => hub.tellLive(user, event)));
  const { fanoutWriteMax, dedupeWindowMs, archiveInbox } = config;
  const handOver = createHandOver({ hot, bus, roomAt: (conversationId) => hub.roomAt(conversationId), archiveInbox, left, logger });
  const writer = stack.use(createWriter({ ...config, hot, entries, ids, handOver, logger, accepting: accepts ? sends : null }));
  const fanoutCaughtUp = () => progress.caughtUp();
  const relations = stack.use(
    openRelations({ hot, graph, bus, ids, fanoutWriteMax, dedupeWindowMs, archiveInbox, fanoutCaughtUp, logger, registry }),
  );
  const conversations = conversationMethods({
    hot,
    ids,
    fanoutWriteMax,
    dedupeWindowMs,
    conversationIds: createConversationIds({ redis: hot.redis, held: hot.held }),
    newestMessage: (conversationId, user, seq) => timeline.newestMessage(conversationId, user, seq),
    coldCount: (conversationId, seq) => timeline.countAt(conversationId, seq),
    fanoutCaughtUp,
    relations,
  });
  const methods: Methods = {
    handlers: new Map([...conversations, ...relations.methods, ...timeline.methods(hub.watch)]),
    send: writer.send,
  };
  const ready = () => readiness(stores, progress);
  const gateway = stack.use(await startGateway({ config, logger, registry, scrape, methods, hub, node, ready, pace: { hurry } }));
  return { port: gateway.port };
}

/** What `/ready` says: serving needs Redis; without ClickHouse what is hot is served, without the graph all but questions to it. */
async function readiness({ hot, pingCold, graph, metrics }: Stores, progress: Progress): Promise<Dependencies> {
  const check = async (needed: boolean, work: () => Promise<unknown>): Promise<Dependencies[string]> => {
    try {
      await work();
      return { ok: true, needed };
    } catch (thrown) {
      return { ok: false, needed, detail: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  };
  const [redis, clickhouse, relations, fanout] = await Promise.all([
    check(true, () => hot.redis.ping()),
    check(false, pingCold),
    check(false, () => graph.ping()),
    check(true, () => progress.caughtUp()),
  ]);
  const dependencies = { redis, clickhouse, graph: relations, fanout };
  metrics.tributary_ready.set(isReady(dependencies) ? 1 : 0);
  return dependencies;
}

/** Starts the configured roles; resolves to the port, if one of them listens. The door opens last and closes first. */
export async function startRoles(stores: Stores, stack: AsyncDisposableStack): Promise<number | null> {
  const shared = share(stores);
  let port: number | null = null;
  for (const role of stores.config.roles.toReversed()) port = (await roles[role](stores, shared, stack)).port ?? port;
  const { config, scrape } = stores;
  if (port === null && config.metricsPort > 0) {
    const ready = () => readiness(stores, shared.progress);
    stack.use(await startOperations({ ready, scrape }, config.host, config.metricsPort));
  }
  return port;
}

/** What the started roles share. */
function share(stores: Stores): Shared {
  const { hot, graph, cold, config, logger, registry } = stores;
  const progress = createProgress(hot);
  const timeline = createTimeline({ hot, graph, cold, progress, warmDays: config.warmDays, logger, registry });
  return { entries: timeline.entries, timeline, progress, logs: openLogs(stores), left: createWaker() };
}
