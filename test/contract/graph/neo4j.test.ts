import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { prepareNeo4j } from "#shared/graph/neo4j-start.ts";
import { chainsContract } from "./chains.ts";
import { listsContract } from "./lists.ts";
import { outagesContract } from "./outages.ts";
import { pairsContract } from "./pairs.ts";
import { startNeo4jServer } from "./servers.ts";

/** Fetching Neo4j takes a minute of a good line, once. */
const FETCH_MS = 300_000;

let world: Awaited<ReturnType<typeof startNeo4jServer>>;
beforeAll(async () => {
  world = await startNeo4jServer();
}, FETCH_MS);
afterAll(() => world?.[Symbol.asyncDispose]());

pairsContract(() => world);
listsContract(() => world);
chainsContract(() => world);
outagesContract(() => world);

test("a wrong password or address is told in one line with setting, address and cause", async () => {
  const { url, user, password } = world.access;
  const access = { url, user, password };
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const mute = `bolt://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const wrong: [Partial<typeof access>, RegExp][] = [
    [
      { password: "wrong" },
      /^NEO4J_USER or NEO4J_PASSWORD is not accepted by bolt:\/\/127\.0\.0\.1:\d+ for the user neo4j: [^\n]*unauthorized[^\n]*$/,
    ],
    [{ url: "bolt://127.0.0.1:1" }, /^NEO4J_URL names bolt:\/\/127\.0\.0\.1:1, where no Neo4j can be reached: [^\n]*ECONNREFUSED[^\n]*$/],
    [{ url: "neo4j://no.such.host.invalid" }, /^NEO4J_URL names neo4j:\/\/no\.such\.host\.invalid, [^\n]+: [^\n]+$/],
    [{ url: mute }, /^NEO4J_URL names bolt:\/\/127\.0\.0\.1:\d+, where no Neo4j can be reached: no answer within 10 s$/],
  ];
  for (const [given, words] of wrong) {
    await expect(prepareNeo4j({ ...access, ...given })).rejects.toThrow(words);
  }
  await prepareNeo4j(access);
});
