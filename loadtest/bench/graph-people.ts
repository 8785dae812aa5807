import type { Pair, Side } from "#shared/graph/port.ts";
import { strangers } from "#shared/graph/record.ts";
import { createRandom, type Random } from "#test/support/random.ts";

/** A crowd of people who follow and befriend each other. */
export interface Crowd {
  people: number;
  follows: number;
  friendships: number;
}

/** The crowd of the bench. */
export const CROWD: Crowd = { people: 100_000, follows: 2_000_000, friendships: 200_000 };

/** Most that one person follows. */
const MOST_FOLLOWED = 2_000;
/** Part of the follows that go to somebody near: people are born in villages. */
const NEAR = 0.3;
const VILLAGE = 150;
/** Steepness of fame, and how many share the top. */
const STEEPNESS = 1.1;
const TOP = 20;
const DAY = 86_400_000;

/** Name of a person; names sort as numbers do. */
export const personOf = (n: number): string => `p${String(n).padStart(7, "0")}`;

/** Parts of one, finely enough for a million people. */
const part = (random: Random): number => random.between(0, 2 ** 31 - 1) / 2 ** 31;

/** Somebody by fame: the n-th of the famous is met ever more seldom, as a power of n. Who is famous has no order in names. */
function famous(random: Random, people: number): number {
  const tail = 1 - STEEPNESS;
  const [low, high] = [TOP ** tail, (people + TOP) ** tail];
  const rank = Math.floor((low + part(random) * (high - low)) ** (1 / tail) - TOP);
  return (rank * 7_919) % people;
}

function near(random: Random, people: number, n: number): number {
  const village = n - (n % VILLAGE);
  return Math.min(village + random.between(0, VILLAGE - 1), people - 1);
}

/** How many a person follows, before it is brought to the sum that is wanted: most few, some hundreds. */
const eagerness = (random: Random): number => Math.min((1 - part(random)) ** (-1 / 1.4), MOST_FOLLOWED / 8);

/** Who follows whom, as `follower * people + followed`. */
function followsOf(random: Random, { people, follows }: Crowd): Set<number> {
  const wishes = Array.from({ length: people }, () => eagerness(random));
  const scale = follows / wishes.reduce((sum, wish) => sum + wish, 0);
  const found = new Set<number>();
  for (let n = 0; n < people; n++) {
    const goal = Math.min(found.size + Math.max(1, Math.round((wishes[n] ?? 0) * scale)), follows);
    for (let tries = 0; found.size < goal && tries < MOST_FOLLOWED * 4; tries++) {
      const other = part(random) < NEAR ? near(random, people, n) : famous(random, people);
      if (other !== n) found.add(n * people + other);
    }
  }
  for (let n = 0; found.size < follows; n = (n + 1) % people) {
    const other = famous(random, people);
    if (other !== n) found.add(n * people + other);
  }
  return found;
}

function friendshipsOf(random: Random, { people, friendships }: Crowd): Set<number> {
  const found = new Set<number>();
  while (found.size < friendships) {
    const n = random.between(0, people - 1);
    const other = part(random) < 0.8 ? near(random, people, n) : random.between(0, people - 1);
    if (n !== other) found.add(Math.min(n, other) * people + Math.max(n, other));
  }
  return found;
}

/** The pairs of a crowd, the same for each seed but for the time: all since less than two years before `now` (Unix ms). */
export function* crowdPairs(crowd: Crowd, seed: number, now: number): Generator<Pair> {
  const random = createRandom(seed);
  const follows = followsOf(random, crowd);
  const friendships = friendshipsOf(random, crowd);
  const { people } = crowd;
  const since = () => now - Math.floor(part(random) * 730 * DAY);
  const side = (blank: Side, follower: number, followed: number): Side =>
    follows.has(follower * people + followed) ? { ...blank, following: since() } : blank;
  const pairOf = (low: number, high: number): Pair => {
    const blank = strangers(personOf(low), personOf(high));
    const friends = friendships.has(low * people + high) ? since() : null;
    return { ...blank, version: 1, friends, ab: side(blank.ab, low, high), ba: side(blank.ba, high, low) };
  };
  for (const key of follows) {
    const [follower, followed] = [Math.floor(key / people), key % people];
    if (follower < followed) yield pairOf(follower, followed);
    else if (!follows.has(followed * people + follower)) yield pairOf(followed, follower);
  }
  for (const key of friendships) {
    const [low, high] = [Math.floor(key / people), key % people];
    if (!follows.has(key) && !follows.has(high * people + low)) yield pairOf(low, high);
  }
}
