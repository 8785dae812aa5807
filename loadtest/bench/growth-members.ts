import type { Hot } from "#shared/hot/redis.ts";
import type { LoadServer } from "../lean/server.ts";
import { costOf, openPerson, warmUp, type Cost } from "./growth-load.ts";

/** Up to so many members a message is copied into each inbox: the default of FANOUT_WRITE_MAX. */
const WRITE_MAX = 500;
/** Inbox writes a second for one group, well below FANOUT_WRITE_BUDGET, above which it would be read as well. */
const WRITES = 1_200;
const RATE = 40;
/** Users that one call adds at most. */
const ADDED = 1_000;

export const memberSizes = (quick: boolean): number[] =>
  quick ? [2, 50, 500, 501, 2_000] : [2, 10, 50, 200, 500, 501, 2_000, 10_000, 100_000];

/** A group of so many, the first two of them the same in every group. */
async function groupOf(server: LoadServer, size: number): Promise<string> {
  const members = Array.from({ length: size - 1 }, (_, i) => `m${i + 1}`);
  const { conversation } = await server.call<{ conversation: { id: string } }>("m0", "conversation.create", {
    kind: "group",
    title: `${size} members`,
    members: members.slice(0, ADDED),
  });
  for (let i = ADDED; i < members.length; i += ADDED)
    await server.call("m0", "conversation.add", { conversationId: conversation.id, users: members.slice(i, i + ADDED) });
  return conversation.id;
}

export interface MembersPoint extends Cost {
  members: number;
}

/** What a message costs by the number of members, two of whom are online. Where copying is limited, several groups of the size share the sending. */
export async function membersGrow(server: LoadServer, hot: Hot, quick: boolean): Promise<MembersPoint[]> {
  const [sender, reader] = [await openPerson(server, "m0"), await openPerson(server, "m1")];
  await warmUp(sender, await groupOf(server, 2));
  const points: MembersPoint[] = [];
  for (const members of memberSizes(quick)) {
    const groups = members > WRITE_MAX ? 1 : Math.ceil((RATE * members) / WRITES);
    const ids: string[] = [];
    for (let i = 0; i < groups; i++) ids.push(await groupOf(server, members));
    await costOf(server, hot, sender, ids, 1);
    points.push({ members, ...(await costOf(server, hot, sender, ids, quick ? 3 : 8)) });
    const mode = members > WRITE_MAX ? "read" : "write";
    for (const conversationId of ids) {
      const { conversation } = (await sender.ask<{ conversation: { mode: string } }>("conversation.get", { conversationId })).result;
      if (conversation.mode !== mode) throw new Error(`a group of ${members} is in ${conversation.mode} mode, not ${mode}`);
    }
  }
  sender.leave();
  reader.leave();
  return points;
}
