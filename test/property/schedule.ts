import fc from "fast-check";
import { homecomings, type Homecoming } from "./device.ts";

/**
 * What a run does. Users, devices, conversations and earlier sends are named by numbers, taken modulo what there is, so that any part of a schedule
 * is a schedule: that is what lets it shrink.
 */
export type Step =
  | { do: "send"; user: number; device: number; to: number; count: number; copies: number }
  | { do: "retry"; send: number; device: number }
  | { do: "add" | "remove"; by: number; to: number; users: number[]; twice: boolean }
  | { do: "join" | "leave"; user: number; to: number; twice: boolean }
  | { do: "read"; user: number; device: number; to: number; back: number }
  | { do: "mute"; user: number; to: number; on: boolean }
  | { do: "away"; user: number; device: number }
  | { do: "back"; user: number; device: number; how: Homecoming }
  | { do: "pull"; user: number; device: number; limit: number; pages: number }
  | { do: "look"; user: number; device: number; at: "list" | "unread" | "get"; to: number }
  | { do: "group"; by: number; members: number[]; open: boolean; all: boolean }
  | { do: "single"; by: number; user: number }
  | { do: "feed"; by: number };

export interface Schedule {
  /** Devices of each user: `quiet` ones only hear that something is new. */
  users: { devices: ("full" | "quiet")[] }[];
  /** Steps of a round run at the same time, on each connection in their order; the next round begins when all are answered. */
  rounds: Step[][];
  /** How the devices come back at the end. */
  home: Homecoming[];
  /** After these rounds the server is killed at once, while nobody is there, and started again. */
  kills: number[];
}

const user = fc.nat({ max: 9 });
const to = fc.nat({ max: 5 });
const device = fc.nat({ max: 1 });
const users = fc.uniqueArray(user, { minLength: 1, maxLength: 5 });
const how = fc.constantFrom(...homecomings);

const group = fc.record({
  do: fc.constant("group" as const),
  by: user,
  members: fc.uniqueArray(user, { maxLength: 7 }),
  open: fc.boolean(),
  all: fc.boolean(),
});
const single = fc.record({ do: fc.constant("single" as const), by: user, user });
const change = (what: "add" | "remove") => fc.record({ do: fc.constant(what), by: user, to, users, twice: fc.boolean() });
const move = (what: "join" | "leave") => fc.record({ do: fc.constant(what), user, to, twice: fc.boolean() });

const feed = fc.record({ do: fc.constant("feed" as const), by: user });

/** Steps that have to do with members of groups, or with those who follow and unfollow. */
const common: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      user,
      device,
      to,
      count: fc.integer({ min: 1, max: 4 }),
      copies: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("retry" as const), send: fc.nat({ max: 30 }), device }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("read" as const), user, device, to, back: fc.integer({ min: -2, max: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("away" as const), user, device }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("back" as const), user, device, how }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pull" as const),
      user,
      device,
      limit: fc.integer({ min: 1, max: 9 }),
      pages: fc.constantFrom(1, 2, 5, 1_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("look" as const), user, device, at: fc.constantFrom("list", "unread", "get"), to }) },
];

const groupSteps: fc.Arbitrary<Step> = fc.oneof(
  ...common,
  { weight: 6, arbitrary: change("add") },
  { weight: 6, arbitrary: change("remove") },
  { weight: 2, arbitrary: move("join") },
  { weight: 2, arbitrary: move("leave") },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("mute" as const), user, to, on: fc.boolean() }) },
  { weight: 1, arbitrary: group },
  { weight: 1, arbitrary: single },
  { weight: 1, arbitrary: feed },
);

const feedSteps: fc.Arbitrary<Step> = fc.oneof(
  ...common,
  { weight: 12, arbitrary: move("join") },
  { weight: 9, arbitrary: move("leave") },
  { weight: 1, arbitrary: change("add") },
  { weight: 1, arbitrary: feed },
);

const deviceKind = fc.oneof({ weight: 4, arbitrary: fc.constant("full" as const) }, fc.constant("quiet" as const));

const schedulesOf = (opening: fc.Arbitrary<Step[][]>, step: fc.Arbitrary<Step>, kills: fc.Arbitrary<number[]>): fc.Arbitrary<Schedule> =>
  fc
    .record({
      users: fc.array(fc.record({ devices: fc.array(deviceKind, { minLength: 1, maxLength: 2 }) }), { minLength: 5, maxLength: 8 }),
      opening,
      rounds: fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 24, size: "max" }),
      home: fc.array(how, { minLength: 1, maxLength: 8 }),
      kills,
    })
    .map(({ opening: first, rounds, ...rest }) => ({ ...rest, rounds: [...first, ...rounds] }));

const openings = (first: fc.Arbitrary<Step>) => fc.array(first, { minLength: 1, maxLength: 3 });
/** Feeds, and some who follow them at once: from there it is near to the limit. */
const followed = (first: fc.Arbitrary<Step>) => fc.tuple(openings(first), fc.array(move("join"), { minLength: 1, maxLength: 8 }));

/** Schedules of a length that a second or less suffices for. */
export const schedules = schedulesOf(fc.tuple(openings(fc.oneof({ weight: 2, arbitrary: group }, single))), groupSteps, fc.constant([]));

/** The same around feeds, which many follow, unfollow and follow again. */
export const feedSchedules = schedulesOf(followed(fc.oneof({ weight: 4, arbitrary: feed }, group)), feedSteps, fc.constant([]));

/** Feeds on a server that is killed on the way: some seconds each. */
export const feedSchedulesWithKills = schedulesOf(
  followed(feed),
  feedSteps,
  fc.uniqueArray(fc.nat({ max: 9 }), { minLength: 1, maxLength: 2 }),
);

/** A schedule as a person reads it. */
export function printed({ users: people, rounds, home, kills }: Schedule): string {
  const devices = people.map(({ devices: all }, i) => `u${i}: ${all.join(", ")}`).join(" · ");
  const lines = rounds.map((steps, i) => `  ${i}. ${steps.map((one) => JSON.stringify(one).replaceAll('"', "")).join("  |  ")}`);
  return [
    `devices  ${devices}`,
    "rounds (steps of one run at the same time)",
    ...lines,
    `home     ${home.join(", ")}`,
    `killed after ${kills.join(", ")}`,
  ].join("\n");
}
