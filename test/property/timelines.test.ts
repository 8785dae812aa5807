import fc from "fast-check";
import { expect, test } from "vitest";
import { startWorld } from "#test/support/world.ts";
import { play } from "./play.ts";
import { HUNT, PATIENCE_SCALE, RUNS, SCALE } from "./scale.ts";
import { feedSchedules, feedSchedulesWithKills, printed, schedules, type Schedule } from "./schedule.ts";

/** A failure prints the seed and the path with which PROPERTY_SEED and PROPERTY_PATH run it again. */
const SEED = process.env["PROPERTY_SEED"];
/** PROPERTY_SHRINK=0 stops at the first failure as it is. */
const PATH = process.env["PROPERTY_PATH"];
const FANOUT_WRITE_MAX = 4;

let runs = 0;

interface Played {
  schedules: fc.Arbitrary<Schedule>;
  settings: Record<string, string>;
  bySize: boolean;
  numRuns: number;
  /** No new schedule is begun after so many, on a usual run. */
  seconds: number;
  /** One schedule takes less, on the slowest engines. */
  longest: number;
}

/** Plays schedules on a server of its own until one shows a fault, and fails with the smallest such history that the time allows. */
async function agree({ schedules: played, settings, bySize, numRuns, seconds, longest }: Played): Promise<void> {
  await using world = await startWorld({ FANOUT_WRITE_MAX: String(FANOUT_WRITE_MAX), LOG_LEVEL: "warn", ...settings });
  let firstSeen = "";
  const property = fc.asyncProperty(played, async (schedule: Schedule) => {
    const faults = await play(world, { fanoutWriteMax: FANOUT_WRITE_MAX, bySize }, schedule, `p${++runs}.`);
    const said = faults.slice(0, 12).join("\n");
    firstSeen ||= said;
    if (said !== "") throw new Error(said);
  });
  const details = await fc.check(property, {
    numRuns,
    interruptAfterTimeLimit: Math.max(longest, seconds * SCALE) * 1_000,
    endOnFailure: process.env["PROPERTY_SHRINK"] === "0",
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    ...(PATH === undefined ? {} : { path: PATH }),
  });
  if (HUNT) console.log(`${details.numRuns} runs, seed ${details.seed}`);
  if (!details.failed) return;
  const history = details.counterexample === null ? "" : printed(details.counterexample[0]);
  const again = `PROPERTY_SEED=${details.seed} PROPERTY_PATH=${details.counterexamplePath ?? ""}`;
  const log = world.server().log().slice(-2_000);
  expect.fail(
    `after ${details.numRuns} runs, ${details.numShrinks} shrinks; again with ${again}\nfirst seen: ${firstSeen}\n\nat the smallest: ${String(details.errorInstance)}\n\n${history}\n\n${log}`,
  );
}

const LONGEST = 15;
const LONGEST_WITH_KILLS = 45;
const bySize = { settings: { FANOUT_WRITE_BUDGET: "0" }, bySize: true, longest: LONGEST };

test(
  "whatever happens to conversations and devices, every device of every user agrees with the contract",
  () => agree({ ...bySize, schedules, numRuns: RUNS, seconds: 110 }),
  200_000 * PATIENCE_SCALE,
);

test(
  "so it does where a little traffic already switches a group to read mode",
  () =>
    agree({
      schedules,
      settings: { FANOUT_WRITE_BUDGET: "1" },
      bySize: false,
      longest: LONGEST,
      numRuns: Math.ceil(RUNS / 5),
      seconds: 30,
    }),
  90_000 * PATIENCE_SCALE,
);

test(
  "a timeline holds the posts of each stay in a feed, whoever follows and unfollows while it grows past the limit and shrinks again",
  () => agree({ ...bySize, schedules: feedSchedules, numRuns: RUNS, seconds: 75 }),
  150_000 * PATIENCE_SCALE,
);

test(
  "so it does when the server is killed on the way",
  () => agree({ ...bySize, schedules: feedSchedulesWithKills, longest: LONGEST_WITH_KILLS, numRuns: Math.ceil(RUNS / 15), seconds: 30 }),
  120_000 * PATIENCE_SCALE,
);
