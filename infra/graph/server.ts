/**
 * The embedded graph as a process: `node infra/graph/server.ts` with GRAPH_DIR, GRAPH_PORT (0: a free one), GRAPH_SECRET, GRAPH_MEMORY and
 * GRAPH_JOURNAL (bytes) in the environment. Listens on loopback, says `{ port }` to its parent over IPC, and ends in order on SIGTERM, SIGINT, or when its parent is gone.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createCypherGraph } from "#shared/graph/cypher-graph.ts";
import { untilTold } from "../told.ts";
import { openDatabase } from "./database.ts";
import { createHttp } from "./http.ts";
import { createLoads } from "./load.ts";

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} must be set`);
  return value;
}

const told = untilTold();
const secret = setting("GRAPH_SECRET");
await using database = await openDatabase({
  dir: setting("GRAPH_DIR"),
  memory: Number(setting("GRAPH_MEMORY")),
  journal: Number(setting("GRAPH_JOURNAL")),
});
const calls = {
  ...createCypherGraph(database),
  ...createLoads(database),
  ping: () => database.read((cypher) => cypher.run("RETURN 1 AS one")),
};
const server = createHttp(calls, secret);
server.listen(Number(setting("GRAPH_PORT")), "127.0.0.1");
await once(server, "listening");
process.send?.({ port: (server.address() as AddressInfo).port });
await told;
server.close();
server.closeIdleConnections();
if (process.connected) process.disconnect?.();
