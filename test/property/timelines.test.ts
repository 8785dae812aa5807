import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "#test/support/world.ts";
import { play } from "./play.ts";
import { printed, schedules, type Schedule } from "./schedule.ts";

/** Runs of each property; more for a hunt. A failure prints the seed and the path with which PROPERTY_SEED and PROPERTY_PATH run it again. */
const RUNS = Number(process.env["PROPERTY_RUNS"] ?? "60");
const SEED = process.env["PROPERTY_SEED"];
/** PROPERTY_SHRINK=0 stops at the first failure as it is. */
const PATH = process.env["PROPERTY_PATH"];
const FANOUT_WRITE_MAX = 4;

let world: World;
let runs = 0;
beforeAll(async () => {
  world = await startWorld({
    FANOUT_WRITE_MAX: String(FANOUT_WRITE_MAX),
    FANOUT_WRITE_BUDGET: "0",
    LOG_LEVEL: "warn",
    MAX_CONNECTIONS: "10",
  });
});
afterAll(async () => world[Symbol.asyncDispose]());

test("whatever happens to conversations and devices, every device of every user agrees with the contract", async () => {
  const property = fc.asyncProperty(schedules, async (schedule: Schedule) => {
    const faults = await play(world, { fanoutWriteMax: FANOUT_WRITE_MAX, bySize: true }, schedule, `p${++runs}.`);
    if (faults.length > 0) throw new Error(faults.slice(0, 12).join("\n"));
  });
  const details = await fc.check(property, {
    numRuns: RUNS,
    interruptAfterTimeLimit: 200_000,
    endOnFailure: process.env["PROPERTY_SHRINK"] === "0",
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    ...(PATH === undefined ? {} : { path: PATH }),
  });
  if (!details.failed) return;
  const history = details.counterexample === null ? "" : printed(details.counterexample[0]);
  const again = `PROPERTY_SEED=${details.seed} PROPERTY_PATH=${details.counterexamplePath ?? ""}`;
  expect.fail(
    `after ${details.numRuns} runs, ${details.numShrinks} shrinks; again with ${again}\n${history}\n\n${String(details.errorInstance)}\n\n${world.server().log().slice(-2_000)}`,
  );
});
