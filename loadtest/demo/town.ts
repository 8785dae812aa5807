/** The plan of a town: who is in which group, from a seed, so that a run can be repeated. */
export interface GroupPlan {
  kind: "single" | "group";
  title: string;
  /** Users; the first one owns the group. */
  members: string[];
  /** Members who may send: they stay from the first moment to the last. */
  speakers: string[];
  /** Share of the town's messages. */
  weight: number;
  /** Users who come in and leave on the way; they read only. */
  visitors: string[];
  leavers: string[];
}

export interface Town {
  people: string[];
  groups: GroupPlan[];
  /** A group with more members is read instead of copied. */
  writeMax: number;
}

/** A small generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Sizes as parts of the town, how many of each there are, and their share of the messages: few huge, many small. */
const classes = [
  { title: "the whole county", size: 2.5, count: () => 1, share: 0.002 },
  { title: "town hall", size: 0.75, count: () => 2, share: 0.008 },
  { title: "district", size: 0.3, count: () => 4, share: 0.02 },
  { title: "club", size: 0.06, count: (people: number) => people * 0.01, share: 0.05 },
  { title: "class", size: 0.015, count: (people: number) => people * 0.03, share: 0.12 },
  { title: "friends", size: 0.004, count: (people: number) => people * 0.1, share: 0.295 },
] as const;
const SINGLES_SHARE = 0.497;
const CROWD_SHARE = 0.008;

/** `tag` begins every user id, so that runs on one server do not meet. */
export function planTown(count: number, tag: string, random: () => number): Town {
  const people = Array.from({ length: count }, (_, i) => `${tag}p${i}`);
  const sleepers = Array.from({ length: Math.ceil(count * 1.5) }, (_, i) => `${tag}s${i}`);
  const groups: GroupPlan[] = [];
  for (const { title, size, count: of, share } of classes) {
    const number = Math.max(1, Math.round(of(count)));
    for (let i = 0; i < number; i++) {
      const members = someOf(people, Math.max(3, Math.round(size * count)), random);
      const absent = sleepers.slice(0, Math.max(0, Math.round(size * count) - members.length));
      groups.push(group(`${title} ${i + 1}`, [...members, ...absent], members, share / number));
    }
  }
  groups.push(crowd(people, random));
  groups.push(...singles(people, Math.round(count * 0.7), random));
  return { people, groups, writeMax: Math.max(4, Math.round(count / 4)) };
}

const group = (title: string, members: string[], speakers: string[], weight: number): GroupPlan => ({
  kind: "group",
  title,
  members,
  speakers,
  weight,
  visitors: [],
  leavers: [],
});

/** A group that grows above the limit while people talk, and shrinks again well below it. */
function crowd(people: string[], random: () => number): GroupPlan {
  const limit = Math.max(4, Math.round(people.length / 4));
  const all = someOf(people, Math.round(limit * 1.15), random);
  const members = all.slice(0, Math.round(limit * 0.95));
  const leavers = all.slice(Math.round(limit * 0.7));
  return {
    ...group("the crowd", members, all.slice(0, Math.round(limit * 0.7)), CROWD_SHARE),
    visitors: all.slice(members.length),
    leavers,
  };
}

function singles(people: string[], count: number, random: () => number): GroupPlan[] {
  const pairs = new Map<string, GroupPlan>();
  while (pairs.size < count) {
    const members = someOf(people, 2, random);
    pairs.set(members.toSorted().join(" "), { ...group("", members, members, SINGLES_SHARE / count), kind: "single" });
  }
  return [...pairs.values()];
}

/** So many different ones, in any order; all where there are not so many. */
function someOf(people: readonly string[], count: number, random: () => number): string[] {
  const chosen = new Set<string>();
  if (count >= people.length) return people.toSorted(() => random() - 0.5);
  while (chosen.size < count) chosen.add(people[Math.floor(random() * people.length)] as string);
  return [...chosen];
}
