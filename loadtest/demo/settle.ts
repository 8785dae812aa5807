import { setTimeout as after } from "node:timers/promises";
import type { LoadServer } from "../lean/server.ts";
import { dueOf, headOf, type Oracle, type Room, type Seen } from "./oracle.ts";

/** Without progress for this long, what is missing is lost (ms). */
const PATIENCE = 15_000;

/** Resolves when `left` gives 0, or has not changed for the patience; returns what is left. */
export async function drained(left: () => number | Promise<number>): Promise<number> {
  let before = -1;
  for (let since = Date.now(); Date.now() - since < PATIENCE;) {
    const now = await left();
    if (now === 0) return 0;
    if (now !== before) since = Date.now();
    before = now;
    await after(20);
  }
  return before;
}

/** Entries that some device still lacks. */
export function lacking(oracle: Oracle, devices: readonly Seen[]): number {
  let sum = 0;
  for (const device of devices) {
    for (const [id, last] of device.last) {
      const room = oracle.rooms.get(id);
      if (room !== undefined) sum += Math.max(0, dueOf(room, device.user) - last);
    }
  }
  return sum;
}

/** Every device stands at the end of each of its conversations, and those who came later began where they came. */
export function checkDevices(oracle: Oracle, devices: readonly Seen[]): number {
  let checked = 0;
  for (const device of devices) {
    for (const [id, last] of device.last) {
      const room = oracle.rooms.get(id);
      if (room === undefined) continue;
      checked++;
      const due = dueOf(room, device.user);
      if (last !== due) oracle.violated(`${device.name} has ${id} up to ${last}, not ${due}`);
    }
  }
  for (const room of oracle.rooms.values()) {
    for (const user of [...room.members, ...room.joined.keys()]) {
      for (const device of devices)
        if (device.user === user && !device.last.has(room.id)) oracle.violated(`${device.name} never heard of ${room.id}`);
    }
  }
  return checked;
}

/** Every seq from 1 to the head names an entry, and the server says the same head. */
export async function checkSeqs(oracle: Oracle, server: LoadServer): Promise<number> {
  const queue = [...oracle.rooms.values()];
  let entries = 0;
  const work = async (): Promise<void> => {
    for (let room = queue.pop(); room !== undefined; room = queue.pop()) {
      const head = headOf(room);
      for (let seq = 1; seq <= head; seq++) if (room.entries[seq] === undefined) oracle.violated(`${room.id} has no seq ${seq}`);
      entries += head;
      const [user = ""] = room.members;
      const { conversation } = await server.call<{ conversation: { seq: number } }>(user, "conversation.get", { conversationId: room.id });
      if (conversation.seq !== head) oracle.violated(`${room.id} has seq ${conversation.seq} at the server, ${head} was seen`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return entries;
}

const messagesAfter = (room: Room, seq: number): number => {
  let count = 0;
  for (let i = seq + 1; i < room.entries.length; i++) if ((room.entries[i] ?? -1) >= 0) count++;
  return count;
};

/** `unread.get` of the users given equals what follows from all that was said and read. */
export async function checkUnread(oracle: Oracle, server: LoadServer, users: readonly string[]): Promise<void> {
  for (const user of users) {
    const expected: Record<string, number> = {};
    for (const room of oracle.rooms.values()) {
      if (room.left.has(user) || !(room.members.has(user) || room.joined.has(user))) continue;
      const unread = messagesAfter(room, oracle.readSeqOf(room, user));
      if (unread > 0) expected[room.id] = unread;
    }
    const { total, conversations } = await server.call<{ total: number; conversations: Record<string, number> }>(user, "unread.get", {});
    const sum = Object.values(expected).reduce((a, b) => a + b, 0);
    if (total !== sum) oracle.violated(`${user} has ${total} unread in all, the oracle says ${sum}`);
    for (const id of new Set([...Object.keys(expected), ...Object.keys(conversations)])) {
      if (expected[id] !== conversations[id])
        oracle.violated(`${user} has ${conversations[id] ?? 0} unread in ${id}, the oracle says ${expected[id] ?? 0}`);
    }
  }
}

/** ClickHouse has every entry of every conversation once. Returns its rows, or null where it cannot be asked. */
export async function checkArchive(oracle: Oracle, clickhouseUrl: string, password: string): Promise<number> {
  const heads = new Map([...oracle.rooms.values()].filter((room) => headOf(room) > 0).map((room) => [room.id, headOf(room)]));
  const wanted = [...heads.values()].reduce((a, b) => a + b, 0);
  const ids = [...heads.keys()].join(",");
  const rows = async () => {
    const query =
      `SELECT toString(conversation_id), toUInt32(count()), toUInt32(uniqExact(seq)), toUInt32(max(seq)) FROM tributary.messages ` +
      `WHERE conversation_id IN (${ids === "" ? 0 : ids}) GROUP BY conversation_id FORMAT JSONCompactEachRow`;
    const headers = { "X-ClickHouse-User": "analyst", "X-ClickHouse-Key": password };
    const text = await (await fetch(clickhouseUrl, { method: "POST", headers, body: query })).text();
    if (text.startsWith("Code:")) throw new Error(text);
    return text.trim() === ""
      ? []
      : text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as [string, number, number, number]);
  };
  let found: [string, number, number, number][] = [];
  await drained(async () => {
    found = await rows();
    return wanted - found.reduce((sum, [, , unique]) => sum + unique, 0);
  });
  const got = new Map(found.map((row) => [row[0], row]));
  for (const [id, head] of heads) {
    const [, count = 0, unique = 0, max = 0] = got.get(id) ?? [];
    if (count !== head || unique !== head || max !== head)
      oracle.violated(`ClickHouse has ${count} rows with ${unique} seqs up to ${max} of ${id}, not ${head}`);
  }
  return found.reduce((sum, [, count]) => sum + count, 0);
}
