/** All sockets drop at once and come back with their positions while others talk on: everything missed is recovered. */
import { absentOf, foundAll, foundHuge, groupsOf, pairsOf, peopleOf, prepare, type Place } from "./common/found.ts";
import type { Device } from "./common/device.ts";
import { counted, optionsOf, reconnects, times } from "./common/metrics.ts";
import { openScene, type Scene } from "./common/scene.ts";
import { number, sizeOf } from "./common/settings.ts";
import { after, pace, until } from "./common/time.ts";

const size = sizeOf({ sockets: 500, rate: 50, seconds: 30, socketsPerVu: 500 });
const storms = number("LOAD_STORMS", 3, 1, 100);
const awaySeconds = number("LOAD_AWAY", 2, 1, 60);
const members = number("LOAD_MEMBERS", Math.max(2 * size.sockets, 600), 3, 100_000);
export const options = optionsOf(size, ["ack_time", "reply_time", "recovery_time"]);
export { handleSummary } from "./common/summary.ts";

/** Every VU has pairs, groups, and one huge group of its own: what is missed is owed by inboxes and by a channel. */
export async function setup(): Promise<Place[]> {
  const tag = await prepare();
  const town = peopleOf(tag, size);
  const huge = town.map(({ vu, people }) => foundHuge({ kind: "group", vu, members: people, absent: absentOf(members, people.length) }));
  const small = town.flatMap(({ vu, people }) => [...pairsOf(vu, people.slice(0, Math.ceil(people.length / 4))), ...groupsOf(vu, people)]);
  return [...huge, ...foundAll(small)];
}

/** One in ten stays and talks, the others drop, miss what is said for a while, and come back all at once. */
async function storm({ devices, talk, idsOf }: Scene): Promise<void> {
  const leaving = devices.filter((_, i) => i % 10 !== 0);
  await until(() => leaving.every((device) => device.waiting() === 0), 10_000);
  for (const device of leaving) device.drop();
  await after(awaySeconds * 1_000);
  const cameAt = Date.now();
  const complete = (device: Device): boolean => idsOf(device).every((id) => device.witness.lacks(id, talk.headOf(id)) === 0);
  await Promise.all(
    leaving.map(async (device) => {
      times.reply_time.add(await device.connect());
      reconnects.add(1);
      await until(() => complete(device), 10_000);
      times.recovery_time.add(Date.now() - cameAt);
    }),
  );
}

export default function reconnectStorm(places: Place[]): Promise<void> {
  return counted(async () => {
    const scene = await openScene(places);
    const talking = pace(size.rate / size.vus, size.seconds, scene.sayNext);
    const period = (size.seconds * 1_000) / storms;
    for (let i = 0; i < storms; i++) {
      // By the clock that all VUs share, so that their storms meet.
      await after(period - (Date.now() % period));
      await storm(scene);
    }
    await talking;
    await scene.settle();
  });
}
