import { isDeepStrictEqual } from "node:util";
import { openHot } from "#shared/hot/redis.ts";
import { createLogger } from "#shared/run/logger.ts";
import { metric } from "#test/support/metrics.ts";
import { until } from "#test/support/until.ts";
import type { World } from "#test/support/world.ts";
import { checkAnswers } from "./answers.ts";
import { conclude, type Rules } from "./conclude.ts";
import { checkFollows, staysOfFeed } from "./follows.ts";
import { createDevice, type Device } from "./device.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { lookAtList, lookAtOne, lookAtUnread } from "./looks.ts";
import { checkReading } from "./reading.ts";
import type { Schedule, Step } from "./schedule.ts";
import { checkSendings } from "./sendings.ts";
import { createSteps, type Person, type Steps } from "./steps.ts";
import type { Answer } from "./wire.ts";

/** Longest time until what a round began is done (ms). */
const REST = 20_000;

/** Plays a schedule on a running world with users and conversations of its own. Resolves to all that went wrong, nothing if all is well. */
export async function play(world: World, rules: Omit<Rules, "staysOfFeed">, schedule: Schedule, prefix: string): Promise<string[]> {
  const ledger = createLedger();
  const { people, lives } = await castOf(world, schedule, prefix, ledger);
  const devices = people.flatMap((person) => person.devices);
  const steps = createSteps({
    prefix,
    people,
    ledger,
    post: posting(world),
    connectionOf: (device) => (device.online() ? `${device.name} ${lives.get(device.name) ?? 0}` : null),
  });
  try {
    await Promise.all(devices.map((device) => connect(device, "fresh")));
    for (const [i, round] of schedule.rounds.entries()) {
      await Promise.all(round.map((step) => take(step, steps, ledger)));
      ledger.roundOver();
      for (const device of devices) device.feed.roundOver();
      if (schedule.kills.includes(i)) await killed(i);
    }
    for (const [i, device] of devices.entries())
      if (!device.online()) await connect(device, schedule.home[i % schedule.home.length] ?? "sdk");
    for (const device of devices) device.feed.roundOver();
    await everythingBegunIsDone();
    await using hot = await openHot(world.endpoints().redisUrl, createLogger("silent", { role: "test" }));
    const told = await conclude(people, steps, ledger, { ...rules, staysOfFeed: (id) => staysOfFeed(hot, id) });
    checkSendings(ledger, told);
    checkFollows(
      people.map(({ name }) => name),
      ledger,
      told,
    );
    await checkAnswers(people, ledger, told);
    await Promise.all(people.map((person) => checkReading(person, ledger, told)));
  } catch (thrown) {
    ledger.fault(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  } finally {
    for (const device of devices) device.away();
  }
  return [...new Set(ledger.faults)];

  /** What is answered is there when the server is back, whatever of its fan-out was still to be done. */
  async function killed(round: number): Promise<void> {
    const there = devices.filter((device) => device.online());
    for (const device of devices) device.away();
    await world.server().kill();
    await world.restart();
    for (const [i, device] of there.entries()) await connect(device, schedule.home[(round + i) % schedule.home.length] ?? "sdk");
  }

  /** A call of a device that left before its answer may still be under way. */
  function everythingBegunIsDone(): Promise<void> {
    const counts = () => Promise.all(["connections", "calls"].map((what) => metric(world.http(), `tributary_gateway_${what}`)));
    let seen: number[] = [];
    const done = async () => {
      seen = await counts();
      return isDeepStrictEqual(seen, [devices.length, 0]);
    };
    return until(done, REST, () => `${devices.length} connections and no call under way; there are ${seen.join(" and ")}`);
  }

  function connect(device: Device, how: Schedule["home"][number]): Promise<void> {
    lives.set(device.name, (lives.get(device.name) ?? 0) + 1);
    return device.connect(how);
  }

  function take(step: Step, all: Steps, book: Ledger): Promise<unknown> {
    switch (step.do) {
      case "send":
        return all.send(step);
      case "retry":
        return all.retry(step);
      case "add":
      case "remove":
        return all.alter(step);
      case "join":
      case "leave":
        return all.move(step);
      case "read":
        return all.read(step);
      case "mute":
        return all.mute(step);
      case "away":
        all.deviceOf(all.person(step.user), step.device).away();
        return Promise.resolve();
      case "back":
        return connect(all.deviceOf(all.person(step.user), step.device), step.how);
      case "pull":
        return all.deviceOf(all.person(step.user), step.device).pull(step.limit, step.pages);
      case "look":
        return look(step, all, book);
      case "group": {
        const by = all.person(step.by);
        const first = [...new Set([by, people[0] as Person, ...step.members.map(all.person)])].map(({ name }) => name);
        const rules2 = { history: step.all ? "all" : "joined", join: step.open ? "open" : "invite" };
        return all.open(by, { kind: "group", title: "a group", members: first, ...rules2 }, first, step);
      }
      case "feed": {
        const by = all.person(step.by);
        return all.open(by, { kind: "feed" }, [by.name], { all: true, open: true });
      }
      case "single": {
        const [by, other] = [all.person(step.by), all.person(step.user)];
        if (by === other) return Promise.resolve();
        return all.open(by, { kind: "single", user: other.name }, [by.name, other.name], { all: true, open: false });
      }
    }
  }
}

function look({ user, device, at, to }: Step & { do: "look" }, steps: Steps, ledger: Ledger): Promise<unknown> {
  const who = steps.person(user);
  const { call } = steps.deviceOf(who, device);
  const room = steps.pick(ledger.rooms, to);
  if (at === "list") return lookAtList(ledger, who.name, call, 200);
  if (at === "unread") return lookAtUnread(ledger, who.name, call);
  return room === undefined ? Promise.resolve() : lookAtOne(ledger, who.name, call, room.id);
}

const posting =
  (world: World) =>
  async (user: string, method: string, params: object): Promise<Answer> => {
    try {
      return { result: await world.call(user, method, params) };
    } catch (thrown) {
      if (
        thrown instanceof Error &&
        thrown.cause !== undefined &&
        thrown.cause !== null &&
        typeof thrown.cause === "object" &&
        "code" in thrown.cause
      ) {
        return { error: thrown.cause as { code: number; message: string } };
      }
      throw thrown;
    }
  };

async function castOf(
  world: World,
  schedule: Schedule,
  prefix: string,
  ledger: Ledger,
): Promise<{ people: Person[]; lives: Map<string, number> }> {
  const lives = new Map<string, number>();
  const people = await Promise.all(
    schedule.users.map(async ({ devices }, i): Promise<Person> => {
      const name = `${prefix}u${i}`;
      const around = {
        witness: ledger,
        socketUrl: world.socket(),
        token: await world.token(name),
        post: posting(world),
        *conversationIds() {
          for (const { id } of ledger.rooms) yield id;
        },
        closed: (device: string, code: number) => ledger.fault(`${device}: the server closed with ${code}`),
      };
      return {
        name,
        muted: new Map(),
        devices: devices.map((kind, d) => createDevice(name, `${name} device ${d}`, kind === "quiet", around)),
      };
    }),
  );
  return { people, lives };
}
