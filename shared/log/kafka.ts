import { setTimeout as after } from "node:timers/promises";
import {
  type Admin,
  type ConfigResourceTypes,
  type Consumer as KafkaConsumer,
  type EachBatchPayload,
  Kafka,
  logLevel,
  type Producer,
} from "kafkajs";
import type { Logger } from "#shared/run/logger.ts";
import { createOutage } from "#shared/run/outage.ts";

/** How long a broker may take for a connection, and for an answer (ms). */
const CONNECT = 3_000;
const ANSWER = 5_000;
/** A member of a group that is not heard of for so long is gone (ms), where the brokers allow it. */
const SESSION = 3_000;
/** What brokers allow at least if they are not told otherwise (ms). */
const USUAL_SESSION = 6_000;
const HEARTBEAT = 1_000;
/** Of the client's kinds of resources, none of which Node can import by name. */
const BROKER: ConfigResourceTypes.BROKER = 4;
const REBALANCE = 10_000;
/** How long a fetch waits for something to come (ms): it also holds up the answer to a rebalance. */
const FETCH = 500;
const FETCH_BYTES = 2 * 1024 * 1024;
/** From a failure to the next attempt (ms). */
const PAUSE = 500;

/** One message: its value is text. */
export interface KafkaMessage {
  partition: number;
  key: string;
  value: string;
  headers: Record<string, string>;
}

export interface Membership {
  group: string;
  topic: string;
  /** From here on where the group has no position yet: all there is, or only what comes. */
  from: "earliest" | "latest";
  /**
   * Takes what is next of a partition, in order; of several partitions at once. When it resolves the group's position is saved behind it. When it rejects, or
   * `lost` is aborted because the partition may be another's by now, the same is given again, here or elsewhere.
   */
  take: (partition: number, messages: KafkaMessage[], lost: AbortSignal) => Promise<void>;
  /** How long what is under way may take when the member leaves (ms). */
  grace: number;
  /** The partitions that this member has from now on. */
  assigned: (partitions: ReadonlySet<number>) => void;
}

/** A Kafka, as far as the log needs one. While it is away everything waits for it. */
export interface KafkaClient extends AsyncDisposable {
  /** Appends messages with acks from all replicas in sync, in order within a partition. Rejects when Kafka is away for long; then some may be there. */
  append(topic: string, messages: readonly KafkaMessage[]): Promise<void>;
  /** Joins a group. It goes on until disposed, whatever fails. */
  join(membership: Membership): AsyncDisposable;
  /** Messages of each partition that a group has not handled. */
  lags(group: string, topic: string): Promise<Map<number, number>>;
  /** Partitions of each topic that there is. */
  topics(names: readonly string[]): Promise<Map<string, number>>;
  create(topics: readonly string[], partitions: number): Promise<void>;
  /** Forgets a group that nobody will join again. */
  forget(group: string): Promise<void>;
}

/** Opens clients for a Kafka; nothing is connected before it is needed. */
export function openKafka(brokers: readonly string[], logger: Logger): KafkaClient {
  const kafka = new Kafka({
    clientId: "tributary",
    brokers: [...brokers],
    connectionTimeout: CONNECT,
    requestTimeout: ANSWER,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    logLevel: logLevel.WARN,
    // What matters of it is told by the log itself, once.
    logCreator:
      () =>
      ({ log: { message, error } }) =>
        logger.debug({ error: error as unknown }, `Kafka's client says: ${message}`),
  });
  const stack = new AsyncDisposableStack();
  const appending = stack.use(createAppending(kafka));
  const admin = kafka.admin();
  let asking: Promise<void> | null = null;
  stack.defer(async () => {
    if (asking !== null) await admin.disconnect();
  });
  async function asked(): Promise<typeof admin> {
    asking ??= admin.connect().catch((error: unknown) => {
      asking = null;
      throw error;
    });
    await asking;
    return admin;
  }

  return {
    append: appending.append,
    join: (membership) => joinGroup(kafka, membership, async () => shortestSession(await asked()), logger),
    async lags(group, topic) {
      const client = await asked();
      const [ends, [reached]] = await Promise.all([
        client.fetchTopicOffsets(topic),
        client.fetchOffsets({ groupId: group, topics: [topic] }),
      ]);
      const at = new Map(reached?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      return new Map(ends.map(({ partition, high, low }) => [partition, Number(high) - Math.max(Number(low), at.get(partition) ?? -1)]));
    },
    async topics(names) {
      const client = await asked();
      const known = new Set(await client.listTopics());
      const { topics } = await client.fetchTopicMetadata({ topics: names.filter((name) => known.has(name)) });
      return new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
    },
    async create(topics, partitions) {
      const client = await asked();
      await client.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: partitions })), waitForLeaders: true });
    },
    async forget(group) {
      const client = await asked();
      await client.deleteGroups([group]);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The session we want, or the shortest that all brokers allow; the usual one where they do not say. */
async function shortestSession(admin: Admin): Promise<number> {
  try {
    const { brokers } = await admin.describeCluster();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: brokers.map(({ nodeId }) => ({
        type: BROKER,
        name: String(nodeId),
        configNames: ["group.min.session.timeout.ms"],
      })),
    });
    const least = resources.flatMap(({ configEntries }) => configEntries.map(({ configValue }) => Number(configValue)));
    return least.length === 0 ? USUAL_SESSION : Math.max(SESSION, ...least);
  } catch {
    return USUAL_SESSION;
  }
}

/** One producer, idempotent. After a failure it is replaced: what its successor sends may then stand in the log twice, which readers bear. */
function createAppending(kafka: Kafka): Pick<KafkaClient, "append"> & AsyncDisposable {
  let producer: Promise<Producer> | null = null;

  async function connect(): Promise<Producer> {
    const made = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 1 },
    });
    await made.connect();
    return made;
  }

  return {
    async append(topic, messages) {
      producer ??= connect();
      const mine = producer;
      try {
        await (await mine).send({ topic, acks: -1, timeout: ANSWER, messages: [...messages] });
      } catch (error) {
        if (producer === mine) producer = null;
        await mine.then((old) => old.disconnect()).catch(() => undefined);
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await producer?.then((one) => one.disconnect()).catch(() => undefined);
    },
  };
}

/** Keeps a member in the group: when one crashes, another is made in its place. */
function joinGroup(kafka: Kafka, membership: Membership, session: () => Promise<number>, logger: Logger): AsyncDisposable {
  const { group, topic, from, assigned } = membership;
  const stopping = new AbortController();
  const outage = createOutage(logger, `consuming ${topic} as ${group}`);

  async function member(): Promise<void> {
    const { promise: over, resolve, reject } = Promise.withResolvers<void>();
    stopping.signal.addEventListener("abort", () => resolve(), { once: true });
    const consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: await session(),
      heartbeatInterval: HEARTBEAT,
      rebalanceTimeout: REBALANCE,
      maxWaitTimeInMs: FETCH,
      maxBytesPerPartition: FETCH_BYTES,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3, restartOnFailure: () => Promise.resolve(false) },
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      outage.worked();
      assigned(new Set(payload.memberAssignment[topic] ?? []));
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: from === "earliest" });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 1_024,
        eachBatch: (batch) => takeBatch(consumer, membership, batch, stopping.signal),
      });
      await over;
    } finally {
      assigned(new Set());
      await consumer.disconnect().catch(() => undefined);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await member();
      } catch (error) {
        outage.failed(error);
        await after(PAUSE, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  }
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

/** Gives a batch to its taker, keeps the membership alive meanwhile, and saves the position. Rejects when the membership is lost, so that the member joins anew. */
async function takeBatch(
  consumer: KafkaConsumer,
  { topic, take, grace }: Membership,
  given: EachBatchPayload,
  stopping: AbortSignal,
): Promise<void> {
  const { partition, messages: fetched } = given.batch;
  const last = fetched.at(-1);
  if (last === undefined || !given.isRunning() || given.isStale()) return;
  const lost = new AbortController();
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const beating = setInterval(() => void given.heartbeat().catch(reject), HEARTBEAT);
  let ending: NodeJS.Timeout | undefined;
  const stop = () => {
    ending = setTimeout(() => reject(stopping.reason), grace);
  };
  stopping.addEventListener("abort", stop, { once: true });
  try {
    const messages = fetched.map(({ key, value, headers }) => ({
      partition,
      key: key?.toString() ?? "",
      value: value?.toString() ?? "",
      headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, given]) => [name, String(given)])),
    }));
    await Promise.race([take(partition, messages, lost.signal), gone]);
    given.resolveOffset(last.offset);
    await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(last.offset) + 1n) }]);
  } catch (error) {
    lost.abort();
    if (!stopping.aborted) throw error;
  } finally {
    clearInterval(beating);
    clearTimeout(ending);
    stopping.removeEventListener("abort", stop);
  }
}
