/** Clients without sockets: `timeline.sync` from their positions, half of them by long polls, while messages are sent over HTTP. */
import { absentOf, foundAll, foundHuge, groupsOf, pairsOf, peopleOf, prepare, type Place } from "./common/found.ts";
import { counted, optionsOf, times, violated } from "./common/metrics.ts";
import { createPosts } from "./common/posts.ts";
import { callAside } from "./common/rpc.ts";
import { isMine } from "./common/scene.ts";
import { number, settings, sizeOf } from "./common/settings.ts";
import { createTalk, type Talk } from "./common/talk.ts";
import { after, eachOf, pace, until } from "./common/time.ts";
import { createWitness, type Data, type Positions, type Witness } from "./common/witness.ts";

const size = sizeOf({ sockets: 100, rate: 30, seconds: 30, socketsPerVu: 200 });
const members = number("LOAD_MEMBERS", Math.max(2 * size.sockets, 600), 3, 100_000);
const WAIT_SECONDS = 5;
export const options = optionsOf(size, ["ack_time", "sync_time", "delivery_time"]);
export { handleSummary } from "./common/summary.ts";

/** Small conversations, which come through the inbox, and a huge one, which comes through its channel. */
export async function setup(): Promise<Place[]> {
  const tag = await prepare();
  const town = peopleOf(tag, size);
  const huge = town.map(({ vu, people }) => foundHuge({ kind: "group", vu, members: people, absent: absentOf(members, people.length) }));
  return [...foundAll(town.flatMap(({ vu, people }) => [...pairsOf(vu, people), ...groupsOf(vu, people)])), ...huge];
}

interface Synced {
  publications: { channel: string; offset: number; data: Data }[];
  positions: Positions;
  recovered: boolean;
  lost: string[];
  more: boolean;
}

async function sync(user: string, witness: Witness, talk: Talk, wait: number): Promise<Synced> {
  const params = { positions: witness.positions(), limit: 200, wait };
  const askedAt = Date.now();
  const synced = await callAside<Synced>({ user, method: "timeline.sync", params });
  if (wait === 0) times.sync_time.add(Date.now() - askedAt);
  for (const { channel, offset, data } of synced.publications) {
    const message = witness.published(channel, offset, data);
    if (message !== null) talk.heard(message, true);
  }
  if (!synced.recovered) violated("unrecovered", `${user} lost ${synced.lost.join(", ")} in a sync`);
  witness.synced(synced.positions);
  return synced;
}

/** One client: asks again and again until told to stop. */
async function follow(user: string, witness: Witness, talk: Talk, wait: number, over: () => boolean): Promise<void> {
  while (!over()) {
    const { more } = await sync(user, witness, talk, wait);
    if (wait === 0 && !more) await after(500);
  }
}

/** Everything must come in syncs; what has not when time is up is missing. */
async function settle(places: readonly Place[], witnesses: ReadonlyMap<string, Witness>, talk: Talk): Promise<void> {
  const lacks = (user: string, id: string): number => witnesses.get(user)?.lacks(id, talk.headOf(id)) ?? 0;
  await until(() => places.every(({ id, members: of }) => of.every((user) => lacks(user, id) === 0)), settings.settle * 1_000);
  for (const { id, members: of } of places) {
    for (const user of of) {
      const count = lacks(user, id);
      if (count > 0) violated("missing", `${user} was never synced ${count} of the ${talk.headOf(id)} entries of ${id}`);
    }
  }
}

export default function syncing(all: Place[]): Promise<void> {
  return counted(async () => {
    const talk = createTalk();
    const places = all.filter(isMine);
    const witnesses = new Map<string, Witness>();
    for (const { id, start, members: of } of places) {
      talk.audience(id, of.length);
      for (const user of of) {
        const witness = witnesses.get(user) ?? createWitness(user, violated);
        witnesses.set(user, witness);
        witness.expect(id, start);
      }
    }
    const people = [...witnesses];
    // The first sync has no position: it gives the ends of all channels.
    await eachOf(people, 20, async ([user, witness]) => void (await sync(user, witness, talk, 0)));
    let over = false;
    const following = Promise.all(
      people.map(([user, witness], i) => follow(user, witness, talk, i % 2 === 0 ? WAIT_SECONDS : 0, () => over)),
    );
    const posts = createPosts(places, talk);
    await pace(size.rate / size.vus, size.seconds, posts.sendNext);
    await posts.answered();
    await Promise.race([settle(places, witnesses, talk), following]);
    over = true;
    await following;
  });
}
