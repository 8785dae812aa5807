import { afterAll, beforeAll } from "vitest";
import { chainsContract } from "./chains.ts";
import { listsContract } from "./lists.ts";
import { outagesContract } from "./outages.ts";
import { pairsContract } from "./pairs.ts";
import { startEmbedded } from "./servers.ts";

let world: Awaited<ReturnType<typeof startEmbedded>>;
beforeAll(async () => {
  world = await startEmbedded();
});
afterAll(() => world?.[Symbol.asyncDispose]());

pairsContract(() => world);
listsContract(() => world);
chainsContract(() => world);
outagesContract(() => world);
