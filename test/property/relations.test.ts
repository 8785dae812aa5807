import { expect, test } from "vitest";
import { SetModel } from "#services/relation/testing.ts";
import { createRandom, seedOf } from "#test/support/random.ts";
import { startWorld } from "#test/support/world.ts";
import { PATIENCE_SCALE, SCALE } from "./scale.ts";
import { openTown, type Call, type Town } from "./relations-town.ts";

/** The orders in which calls at the same time may have come about. */
const ordersOf = ([one, other]: readonly Call[]): Call[][] =>
  one === undefined
    ? []
    : other === undefined
      ? [[one]]
      : [
          [one, other],
          [other, one],
        ];

/** What a call answers where the sets are so. */
function expected(model: SetModel, { by, to, act, alias }: Call): string {
  const outcome = model.act(by, to, act, alias);
  return typeof outcome === "number" ? String(outcome) : JSON.stringify(model.view(by, to));
}

/** The sets after calls at the same time, whose answers must be those of one order or the other. */
function oneOrder(model: SetModel, calls: readonly Call[], answers: readonly string[]): SetModel[] {
  return ordersOf(calls).flatMap((order) => {
    const next = new SetModel(model);
    const right = order.every((call) => expected(next, call) === answers[calls.indexOf(call)]);
    return right ? [next] : [];
  });
}

async function play(town: Town, rounds: number): Promise<void> {
  let models = [new SetModel()];
  for (let round = 0; round < rounds; round++) {
    const calls = town.draw();
    const answers = await Promise.all(calls.map((call) => town.ask(call)));
    const possible = models.flatMap((model) => oneOrder(model, calls, answers));
    const now = await town.views();
    models = possible.filter((model) => town.viewsOf(model) === now).slice(0, 1);
    expect(models.length, `round ${round}: no order of ${JSON.stringify(calls)} gives ${answers.join(" and ")}\n${now}`).toBe(1);
    if (round % 10 === 9) {
      const [model = new SetModel()] = models;
      expect(await town.lists()).toBe(town.listsOf(model));
      expect(await town.sends()).toEqual(town.sendsOf(model));
    }
  }
}

test.each(["1", "2"])(
  "whatever people do to each other, two at a time, relations are what plain sets of names are; and blocks hold, in processes: %s",
  async (processes) => {
    await using world = await startWorld({ LOG_LEVEL: "warn", PROCESSES: processes });
    const random = createRandom(seedOf("relations"));
    await play(await openTown(world, random), 250 * SCALE);
  },
  250_000 * PATIENCE_SCALE,
);

test(
  "a server that is killed in the middle of changes has done each of them whole or not at all, within 5 seconds",
  async () => {
    await using world = await startWorld({ LOG_LEVEL: "warn" });
    const random = createRandom(seedOf("relations killed"));
    const town = await openTown(world, random);
    let models = [new SetModel()];
    for (let round = 0; round < 8 * SCALE; round++) {
      const calls = Array.from({ length: 30 }, () => town.draw()).map(([call]) => call as Call);
      // One pair a call: each is done or not, whatever became of the others.
      const apart = [...new Map(calls.map((call) => [[call.by, call.to].toSorted().join(" "), call])).values()];
      const asked = Promise.allSettled(apart.map((call) => town.ask(call)));
      await town.pass(random.between(0, 12));
      await world.server().kill();
      const answered = (await asked).map(({ status }) => status === "fulfilled");
      await world.restart();
      const possible = models.flatMap((model) => partsOf(model, apart, answered));
      const agreed = await town.agree(possible);
      models = agreed;
      expect(await town.sends()).toEqual(town.sendsOf(agreed[0] ?? new SetModel()));
    }
  },
  250_000 * PATIENCE_SCALE,
);

/** The sets after some of the calls: those that were answered, and any of the others. */
function partsOf(model: SetModel, calls: readonly Call[], answered: readonly boolean[]): SetModel[] {
  return calls.reduce(
    (models, { by, to, act, alias }, i) =>
      models.flatMap((one) => {
        const done = new SetModel(one);
        const outcome = done.act(by, to, act, alias);
        if (outcome !== "changed") return [one];
        return answered[i] === true ? [done] : [one, done];
      }),
    [model],
  );
}
