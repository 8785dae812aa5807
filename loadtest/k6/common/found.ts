import { randomBytes } from "k6/crypto";
import { createDevice } from "./device.ts";
import { call, callAll } from "./rpc.ts";
import { shareOf, type Size } from "./settings.ts";

/** A conversation that a run talks in. */
export interface Plan {
  kind: "single" | "group";
  /** The VU (from 1) whose sockets are in it; 0: those of all. */
  vu: number;
  /** Members that the run connects, or that sync; the first one is the owner. */
  members: string[];
  /** Members who are never there, to make it big. */
  absent?: number;
}
export interface Place extends Plan {
  id: string;
  /** Its last seq when nothing had been said yet. */
  start: number;
  mode: "write" | "read";
}
interface Opened {
  conversation: { id: string; seq: number; mode: "write" | "read" };
}

/** A tag that no other run has, for its users' ids. Throws where no server answers, or one that limits rates. */
export async function prepare(): Promise<string> {
  const tag = `k${[...new Uint8Array(randomBytes(5))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const probe = createDevice(`${tag}.probe`, () => {});
  await probe.connect();
  const { sendsPerSecond } = probe.limits();
  probe.drop();
  if (sendsPerSecond !== undefined)
    throw new Error(
      `the server allows a user ${sendsPerSecond} sends a second: start it with RATE_LIMITS=off, since a few users make all of the load`,
    );
  return tag;
}

/** The users of each VU. */
export function peopleOf(tag: string, size: Size): { vu: number; people: string[] }[] {
  return Array.from({ length: size.vus }, (_, i) => {
    const people = Array.from({ length: shareOf(size, i + 1) }, (_each, n) => `${tag}.${i + 1}.${n}`);
    return { vu: i + 1, people };
  });
}

/** Two by two; of an odd number the last is left out. */
export const pairsOf = (vu: number, people: readonly string[]): Plan[] =>
  Array.from({ length: Math.floor(people.length / 2) }, (_, i) => ({ kind: "single", vu, members: people.slice(2 * i, 2 * i + 2) }));

/** Groups of 10 to 50 around the ring of people, each of whom is in about two. */
export function groupsOf(vu: number, people: readonly string[]): Plan[] {
  const groups: Plan[] = [];
  const sizes = [10, 20, 30, 40, 50].map((size) => Math.min(size, people.length));
  for (let at = 0; at < people.length;) {
    const size = sizes[groups.length % sizes.length] as number;
    groups.push({ kind: "group", vu, members: Array.from({ length: size }, (_, i) => people[(at + i) % people.length] as string) });
    at += Math.ceil(size / 2);
  }
  return groups;
}

/** Opens every conversation of the plan; nothing has been said in them then. */
export function foundAll(plans: readonly Plan[]): Place[] {
  const opened = callAll<Opened>(
    plans.map(({ kind, members: [owner = "", ...others] }) => ({
      user: owner,
      method: "conversation.create",
      params: kind === "single" ? { kind, user: others[0] } : { kind, title: "load", members: others.slice(0, 1_000) },
    })),
  );
  return plans.map((plan, i) => {
    const { conversation } = opened[i] as Opened;
    const { id, seq, mode } = fill(plan, conversation);
    return { ...plan, id, start: seq, mode };
  });
}

/** A call takes up to 1,000 members: bigger groups are filled by an entry a thousand, before anyone listens. */
function fill({ members: [owner = "", ...others], absent = 0, kind }: Plan, created: Opened["conversation"]): Opened["conversation"] {
  if (kind === "single") return created;
  const rest = [...others.slice(1_000), ...Array.from({ length: absent }, (_, n) => `${owner}.absent.${n}`)];
  let conversation = created;
  for (let i = 0; i < rest.length; i += 1_000) {
    const params = { conversationId: created.id, users: rest.slice(i, i + 1_000) };
    ({ conversation } = call<Opened>({ user: owner, method: "conversation.add", params }));
  }
  return conversation;
}

/** A group that must be read and not copied. Throws a sentence where the server would copy it. */
export function foundHuge(plan: Plan): Place {
  const [place] = foundAll([plan]) as [Place];
  if (place.mode === "read") return place;
  const size = plan.members.length + (plan.absent ?? 0);
  throw new Error(`a group of ${size} is copied into inboxes here: give LOAD_MEMBERS above the server's FANOUT_WRITE_MAX`);
}

/** Members to add to those online, so that a group has as many as the environment says. */
export const absentOf = (members: number, online: number): number => Math.max(0, members - online);
