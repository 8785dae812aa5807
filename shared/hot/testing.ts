import { expect } from "vitest";
import type { TestHot } from "#test/support/hot.ts";
import { create, type Changing, type NewConversation } from "./changes.ts";
import { commitSends } from "./commits.ts";
import { keys, partitionOf } from "./keys.ts";

/** For tests of the hot tier: conversations made in a line, and what their keys hold in words short enough for a table. */

let lastId = 1_000;
/** A conversation id that no other test of the file has. */
export const newConversationId = (): string => String((lastId += 1));

/** Makes a conversation; the first member creates it, and owns it unless it is a single. */
export async function make(test: TestHot, members: string[], more: Partial<NewConversation> = {}, fanoutWriteMax = 500): Promise<string> {
  const id = newConversationId();
  const [creator = ""] = members;
  const made: NewConversation = {
    id,
    kind: "group",
    creator,
    owner: more.kind === "single" ? null : creator,
    title: "a title",
    history: "joined",
    join: "invite",
    metaJson: "",
    members,
    ...more,
  };
  await create({ hot: test.hot, fanoutWriteMax }, made);
  return id;
}

export const changing = ({ hot, ids }: TestHot, fanoutWriteMax = 500): Changing => ({ hot, ids, fanoutWriteMax });

/** What a conversation's keys hold. Times and ids are left out. */
export interface Held {
  seq: number;
  count: number;
  mode: string;
  owner: string;
  /** user → "role joinedSeq readSeq base flags" */
  members: Record<string, string>;
  intervals: string;
  /** "count letter{fields}" */
  entries: string[];
  /** Users, oldest member first. */
  order: string[];
  /** user → earlier stays */
  past: Record<string, string>;
  leavers: string[];
  /** Records, ids shown as "#". */
  outbox: string[];
}

export async function held({ hot: { redis } }: TestHot, id: string): Promise<Held> {
  const head = await redis.hgetall(keys.head(id));
  const members = Object.entries(head).filter(([field]) => field.startsWith("@"));
  const lines = (await redis.xrange(keys.outbox(partitionOf(id)), "-", "+")).flatMap(([, [, text = ""]]) => text.split("\n"));
  return {
    seq: Number(head["s"]),
    count: Number(head["n"]),
    mode: head["m"] ?? "",
    owner: head["w"] ?? "",
    members: Object.fromEntries(members.map(([field, text]) => [field.slice(1), recordOf(text)])),
    intervals: head["v"] ?? "",
    entries: (await redis.lrange(keys.mailbox(id), 0, -1)).map((text) => text.replace(/^\d+ (\d+) (\w)(.*)$/s, "$1 $2{$3}")),
    order: await redis.zrange(keys.order(id), 0, "-1"),
    past: await redis.hgetall(keys.past(id)),
    leavers: await redis.zrange(keys.leavers(id), 0, "-1"),
    outbox: lines.filter((line) => line.split(" ")[1] === id).map((line) => line.replace(` ${id}`, "").replace(/ \d{12,}/, " #")),
  };
}

const recordOf = (text: string): string => {
  const [role, joined, , read, base, flags] = text.split(" ");
  return [role, joined, read, base, flags].join(" ");
};

/** One call on a fresh conversation, and the state it leaves. */
export interface Case {
  name: string;
  members: string[];
  more?: Partial<NewConversation>;
  /** Largest write-mode membership at creation. */
  most?: number;
  act: (id: string) => Promise<unknown>;
  /** What the last call gives, or the code it refuses with. */
  answer?: unknown;
  left: Partial<Held>;
}

export async function checkCase(test: TestHot, { members, more, most, act, answer, left }: Case): Promise<void> {
  const id = await make(test, members, more, most);
  const given = act(id);
  if (typeof answer === "number") await expect(given).rejects.toMatchObject({ code: answer });
  else if (answer === undefined) await given;
  else expect(await given).toEqual(answer);
  const state = await held(test, id);
  expect(state).toMatchObject(left);
  if (left.members !== undefined) expect(state.members).toEqual(left.members);
}

export const single = { kind: "single", owner: null, title: "ann bob" } as const;

let lastSend = 0;

/** Commits one text message for each of the users, in one call; gives the script's answers. */
export async function send({ hot, ids }: TestHot, conversationId: string, users: string[]): Promise<string[]> {
  const sends = users.map((user) => {
    const digest = `d${(lastSend += 1)}`.padEnd(12, "x");
    return { user, digest, id: ids.next(), countable: true, fields: `"from":"${user}"` };
  });
  return commitSends(hot, [[conversationId, sends]], 2);
}
