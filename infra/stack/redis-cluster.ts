import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseClusterUrl } from "#shared/run/redis-url.ts";
import { clusterPorts, clusterUrl } from "../redis/cluster.ts";
import { confText } from "../redis/conf.ts";
import { joinedNodes } from "../redis/joining.ts";
import { redisServerFile } from "../redis/server-file.ts";
import type { StackPart } from "./part.ts";

/** A node that does not answer for so long is replaced by its replica (ms). */
const TIMEOUT = 2_000;

const portsOf = (settings: Readonly<Record<string, string>>): number[] =>
  (parseClusterUrl(settings["REDIS_URL"] ?? "")?.nodes ?? []).map(({ port }) => port);

/** A Redis Cluster of six nodes: three masters, and a replica of each. */
export const redisClusterPart: StackPart = {
  async prepare(dir, before) {
    const program = await redisServerFile();
    const ports = before === null ? await clusterPorts() : portsOf(before);
    const confs = await Promise.all(
      ports.map(async (port) => {
        const home = join(dir, `node-${port}`);
        await mkdir(home, { recursive: true, mode: 0o700 });
        const conf = join(home, "redis.conf");
        await writeFile(conf, confText({ dir: home, endpoint: { port }, durability: "fsync", cluster: { timeoutMs: TIMEOUT } }), {
          mode: 0o600,
        });
        return conf;
      }),
    );
    return { processes: confs.map((conf) => ({ program, args: [conf], env: {} })), settings: { REDIS_URL: clusterUrl(ports) } };
  },
  answers: (settings) => joinedNodes(portsOf(settings)),
};
