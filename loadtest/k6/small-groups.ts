/** Groups of 10 to 50, each message copied into every member's inbox: all deliveries counted. */
import { foundAll, groupsOf, peopleOf, prepare, type Place } from "./common/found.ts";
import { counted, optionsOf } from "./common/metrics.ts";
import { openScene } from "./common/scene.ts";
import { sizeOf } from "./common/settings.ts";
import { pace } from "./common/time.ts";

const size = sizeOf({ sockets: 300, rate: 50, seconds: 30, socketsPerVu: 300 });
export const options = optionsOf(size, ["ack_time", "delivery_time", "time_to_last"]);
export { handleSummary } from "./common/summary.ts";

export async function setup(): Promise<Place[]> {
  const tag = await prepare();
  return foundAll(peopleOf(tag, size).flatMap(({ vu, people }) => groupsOf(vu, people)));
}

export default function smallGroups(places: Place[]): Promise<void> {
  return counted(async () => {
    const scene = await openScene(places);
    await pace(size.rate / size.vus, size.seconds, scene.sayNext);
    await scene.settle();
  });
}
