/** 1:1 chat in pairs at a steady rate: ack and delivery times. */
import { foundAll, pairsOf, peopleOf, prepare, type Place } from "./common/found.ts";
import { counted, optionsOf } from "./common/metrics.ts";
import { openScene } from "./common/scene.ts";
import { sizeOf } from "./common/settings.ts";
import { pace } from "./common/time.ts";

const size = sizeOf({ sockets: 200, rate: 200, seconds: 30, socketsPerVu: 500 });
export const options = optionsOf(size, ["ack_time", "delivery_time"]);
export { handleSummary } from "./common/summary.ts";

export async function setup(): Promise<Place[]> {
  const tag = await prepare();
  return foundAll(peopleOf(tag, size).flatMap(({ vu, people }) => pairsOf(vu, people)));
}

export default function send(places: Place[]): Promise<void> {
  return counted(async () => {
    const scene = await openScene(places);
    await pace(size.rate / size.vus, size.seconds, scene.sayNext);
    await scene.settle();
  });
}
