import { Redis } from "ioredis";
import { startLoadServer } from "../lean/server.ts";
import { startOwnRedis } from "../lean/redis.ts";
import { cpuOf, redisBelow } from "./cpu.ts";
import { runGroup } from "./group.ts";
import { openTributaryGroup } from "./group-sides.ts";
import { MEMBERS, SENDERS } from "./row-group.ts";
import { type Effort, type Row, spread } from "./row.ts";

const IN_FLIGHT = 50;
const BARE = "a script of 50 XADD";

/** Calls of all commands but scripts since the statistics were reset. */
async function callsOf(redis: Redis): Promise<number> {
  const lines = (await redis.info("commandstats")).split("\n");
  return lines.reduce((sum, line) => {
    const [, name = "", calls = "0"] = /^cmdstat_(\S+):calls=(\d+)/.exec(line) ?? [];
    return /^(evalsha|info|config|ping|script)/.test(name) ? sum : sum + Number(calls);
  }, 0);
}

/** Appends a second of Redis' CPU where a script does nothing but append to 50 streams. */
async function bareAppends(url: string, pid: number, seconds: number): Promise<number> {
  const redis = new Redis(url);
  const script = "for i = 1, #KEYS do redis.call('XADD', KEYS[i], 'MAXLEN', '~', 1000, '*', 'r', ARGV[1]) end return 1";
  const sha = (await redis.script("LOAD", script)) as string;
  const keys = Array.from({ length: MEMBERS }, (_, i) => `inbox:${i}`);
  const pointer = "m 1234567 123456 123456 123456789012345678";
  const before = cpuOf(pid);
  let appends = 0;
  for (const until = performance.now() + seconds * 1_000; performance.now() < until;) {
    await Promise.all(Array.from({ length: 20 }, () => redis.evalsha(sha, keys.length, ...keys, pointer)));
    appends += 20 * MEMBERS;
  }
  redis.disconnect();
  return appends / (cpuOf(pid) - before);
}

/** Row b′: the same group held in write mode, each message copied into 50 inboxes. */
export async function copiedRows({ runs, quick }: Effort): Promise<Row[]> {
  await using bare = await startOwnRedis("fsync", "reference");
  await using server = await startLoadServer({ FANOUT_WRITE_BUDGET: "0", ARCHIVE_INBOX: "off", PING_SECONDS: "3600" });
  const redisPid = redisBelow(server.process?.pid ?? 0);
  const redis = new Redis(server.redisUrl ?? "");
  const group = await openTributaryGroup(server, MEMBERS, SENDERS);
  const seconds = quick ? 1 : 4;
  await runGroup(group, IN_FLIGHT, seconds);
  const figures: { perCpu: number; perSecond: number; commands: number; bare: number }[] = [];
  for (let run = 0; run < runs; run++) {
    const bareRate = await bareAppends(bare.url, bare.pid, seconds / 2);
    await redis.config("RESETSTAT");
    const before = cpuOf(redisPid);
    const { messages, rate } = await runGroup(group, IN_FLIGHT, seconds);
    const writes = messages * MEMBERS;
    figures.push({
      perCpu: writes / (cpuOf(redisPid) - before),
      perSecond: rate,
      commands: (await callsOf(redis)) / writes,
      bare: bareRate,
    });
  }
  redis.disconnect();
  const of = (key: keyof (typeof figures)[number]) => figures.map((figure) => figure[key]);
  const name = "the group held in write mode";
  return [
    {
      row: "b2",
      name: `${name}, inbox writes a second of Redis' CPU`,
      unit: "writes/s",
      ours: of("perCpu"),
      references: [{ name: BARE, values: of("bare") }],
      target: { least: 100_000 },
      notes: [`the archive of inbox rows is off; ${Math.round(spread(of("perSecond")).median).toLocaleString("en")} deliveries/s in all`],
    },
    {
      row: "b2",
      name: `${name}, Redis commands a write`,
      unit: "commands",
      ours: of("commands"),
      references: [],
      target: { most: 2 },
      notes: [],
    },
  ];
}
