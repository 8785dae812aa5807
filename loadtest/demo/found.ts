import type { LoadServer } from "../lean/server.ts";
import type { Oracle, Room } from "./oracle.ts";
import type { GroupPlan, Town } from "./town.ts";

/** A conversation of the town with those who may talk in it. */
export interface Place {
  room: Room;
  plan: GroupPlan;
}

/** Opens every conversation of the plan; nothing has been said in them then. */
export async function foundTown(server: LoadServer, town: Town, oracle: Oracle): Promise<Place[]> {
  const queue = town.groups.entries();
  const places: Place[] = [];
  const work = async (): Promise<void> => {
    for (const [i, plan] of queue) {
      const { id, mode, seq } = await open(server, plan);
      const room: Room = {
        id,
        title: plan.title,
        single: plan.kind === "single",
        start: seq,
        entries: Array.from({ length: seq === 0 ? 0 : seq + 1 }, () => -1),
        left: new Map(),
        joined: new Map(),
        members: new Set(plan.members),
        mode,
        switches: 0,
      };
      oracle.rooms.set(id, room);
      places[i] = { room, plan };
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
  await server.caughtUp();
  return places;
}

interface Opened {
  conversation: { id: string; mode: "write" | "read"; seq: number };
}

/** A call takes up to 1,000 members: bigger groups are filled by an entry a thousand, which is before anyone listens. */
async function open(server: LoadServer, { kind, title, members }: GroupPlan): Promise<Opened["conversation"]> {
  const [owner = "", ...others] = members;
  if (kind === "single") return (await server.call<Opened>(owner, "conversation.create", { kind, user: others[0] })).conversation;
  let { conversation } = await server.call<Opened>(owner, "conversation.create", { kind, title, members: others.slice(0, 1_000) });
  const { id: conversationId } = conversation;
  for (let i = 1_000; i < others.length; i += 1_000) {
    ({ conversation } = await server.call<Opened>(owner, "conversation.add", { conversationId, users: others.slice(i, i + 1_000) }));
  }
  return conversation;
}

/** Chooses places by weight. */
export function chooser(places: readonly Place[], random: () => number): () => Place {
  const ends: number[] = [];
  let sum = 0;
  for (const { plan } of places) ends.push((sum += plan.weight));
  return () => {
    const at = random() * sum;
    let [low, high] = [0, ends.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] as number) > at) high = middle;
      else low = middle + 1;
    }
    return places[low] as Place;
  };
}
