/** A mixed day: pairs, groups and a huge group talk, people read, look at their lists, scroll back, and some lose their connection. */
import type { Device } from "./common/device.ts";
import { absentOf, foundAll, foundHuge, groupsOf, pairsOf, peopleOf, prepare, type Place } from "./common/found.ts";
import { checked, counted, failed, optionsOf, reconnects, times, violated } from "./common/metrics.ts";
import { openScene, type Scene } from "./common/scene.ts";
import { number, sizeOf } from "./common/settings.ts";
import { pace } from "./common/time.ts";
import type { Message } from "./common/witness.ts";

/** The rate is that of all actions: seven in ten are messages. */
const size = sizeOf({ sockets: 500, rate: 100, seconds: 60, socketsPerVu: 500 });
const members = number("LOAD_MEMBERS", Math.max(2 * size.sockets, 600), 3, 100_000);
export const options = optionsOf(size, ["ack_time", "delivery_time", "read_time", "list_time", "history_page_time", "reply_time"]);
export { handleSummary } from "./common/summary.ts";

/** Every VU has a town of its own, with one huge group for all its people. */
export async function setup(): Promise<Place[]> {
  const tag = await prepare();
  const towns = peopleOf(tag, size);
  const huge = towns.map(({ vu, people }) => foundHuge({ kind: "group", vu, members: people, absent: absentOf(members, people.length) }));
  return [...huge, ...foundAll(towns.flatMap(({ vu, people }) => [...pairsOf(vu, people), ...groupsOf(vu, people)]))];
}

interface Unread {
  total: number;
  conversations: Record<string, number>;
}
interface List {
  total: number;
  conversations: { id: string; my?: { unread: number } }[];
  cursor: string | null;
}

/** What people do besides talking. Each answer is held against itself and against what the device has seen. */
function createHabits({ idsOf, places }: Scene) {
  const starts = new Map(places.map(({ id, start }) => [id, start]));
  const someIdOf = (device: Device, n: number): string => idsOf(device)[n % idsOf(device).length] as string;
  const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);

  return {
    read(device: Device, n: number): void {
      const conversationId = someIdOf(device, n);
      const seq = device.witness.lastOf(conversationId);
      const askedAt = Date.now();
      device.ask<{ readSeq: number; unread: number }>("message.read", { conversationId, seq }, ({ readSeq, unread }) => {
        times.read_time.add(Date.now() - askedAt);
        if (readSeq < seq) violated("miscounted", `${device.user} read ${conversationId} up to ${seq}, the answer is ${readSeq}`);
        if (unread < 0) violated("miscounted", `${device.user} has ${unread} unread in ${conversationId}`);
      });
    },
    list(device: Device): void {
      const askedAt = Date.now();
      device.ask<List>("conversation.list", { limit: 200 }, ({ conversations, total, cursor }) => {
        times.list_time.add(Date.now() - askedAt);
        const added = sum(conversations.map(({ my }) => my?.unread ?? 0));
        if (cursor === null && added !== total)
          violated("miscounted", `${device.user} has ${added} unread in a list whose total is ${total}`);
      });
    },
    unread(device: Device): void {
      const askedAt = Date.now();
      device.ask<Unread>("unread.get", {}, ({ conversations, total }) => {
        times.list_time.add(Date.now() - askedAt);
        const added = sum(Object.values(conversations));
        if (added !== total) violated("miscounted", `${device.user} has ${added} unread of a total of ${total}`);
      });
    },
    /** The page that ends with what the device has seen last has no hole, and goes back at least to where the run began. */
    scroll(device: Device, n: number): void {
      const conversationId = someIdOf(device, n);
      const before = device.witness.lastOf(conversationId) + 1;
      const askedAt = Date.now();
      device.ask<{ entries: (Message | { message: Message })[] }>(
        "message.history",
        { conversationId, before, limit: 20, entries: true },
        ({ entries }) => {
          times.history_page_time.add(Date.now() - askedAt);
          const seqs = entries.map((entry) => ("message" in entry ? entry.message.seq : entry.seq));
          const first = before - seqs.length;
          checked.add(seqs.length);
          if (seqs.some((seq, i) => seq !== first + i) || seqs.length < Math.min(20, before - 1 - (starts.get(conversationId) ?? 0)))
            violated("gap", `${device.user} got the seqs ${seqs.join(" ")} below ${before} of ${conversationId}`);
        },
      );
    },
    /** Loses the connection and comes back with its positions; someone who waits for an answer stays. */
    async flicker(device: Device): Promise<void> {
      if (device.waiting() > 0) return;
      device.drop();
      times.reply_time.add(await device.connect());
      reconnects.add(1);
    },
  };
}

/** Of a hundred actions 70 are messages, 12 readings, 6 lists, 6 unread counts, 4 looks back, 2 lost connections; in turn, so that a run can be repeated. */
function createDay(scene: Scene): () => void {
  const habits = createHabits(scene);
  let n = 0;
  return () => {
    // 37 and 100 have no common divisor: each share comes evenly spread.
    const turn = (n++ * 37) % 100;
    if (turn < 70) return scene.sayNext();
    const device = scene.devices[((n + Math.floor(n / 100)) * 7) % scene.devices.length] as Device;
    if (!device.online()) return;
    if (turn < 82) habits.read(device, n);
    else if (turn < 88) habits.list(device);
    else if (turn < 94) habits.unread(device);
    else if (turn < 98) habits.scroll(device, n);
    else habits.flicker(device).catch((error: unknown) => failed(String(error)));
  };
}

export default function town(places: Place[]): Promise<void> {
  return counted(async () => {
    const scene = await openScene(places);
    await pace(size.rate / size.vus, size.seconds, createDay(scene));
    await scene.settle();
  });
}
