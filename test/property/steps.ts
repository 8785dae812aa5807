import { isDeepStrictEqual } from "node:util";
import type { Device } from "./device.ts";
import type { Ledger, Room, Sending, Sent } from "./ledger.ts";
import type { Step } from "./schedule.ts";
import type { Answer, Conversation } from "./wire.ts";

export interface Person {
  name: string;
  devices: Device[];
  /** Conversation → how it was muted last, and in which stay (joinedSeq). */
  muted: Map<string, { on: boolean; joinedSeq: number } | "unknown">;
}

export interface Cast {
  prefix: string;
  people: Person[];
  ledger: Ledger;
  post: (user: string, method: string, params: object) => Promise<Answer>;
  /** Names the connection that a device calls by now; null while it calls over HTTP. */
  connectionOf: (device: Device) => string | null;
}

type Opening =
  | { kind: "group"; title: string; members: string[]; history: string; join: string }
  | { kind: "single"; user: string }
  | { kind: "feed" };

const pick = <T>(list: readonly T[], index: number): T | undefined => list[index % list.length];
const resultOf = <T>(answer: Answer): T | null => ("result" in answer ? (answer.result as T) : null);
/** Refusals that a member or somebody who is none may get; any other error is a fault. */
const refusals = new Set([103, 107]);

/** How each step is done. A step reaches the wire before its function returns, so that steps of one connection keep their order. */
export function createSteps({ prefix, people, ledger, post, connectionOf }: Cast) {
  const { rooms, fault } = ledger;
  const mutings = new Map<string, { underWay: number; crossed: boolean }>();
  let serial = 0;
  const person = (index: number): Person => pick(people, index) as Person;
  const deviceOf = (who: Person, index: number): Device => pick(who.devices, index) as Device;

  /** Three of four times somebody who is in it, else anybody. */
  function participant(room: Room, index: number): Person {
    const inside = people.filter(({ name }) => room.members.has(name));
    return index % 4 === 3 ? person(index) : (pick(inside, index) ?? person(index));
  }

  function checked(what: string, answer: Answer): Answer {
    if ("error" in answer && !refusals.has(answer.error.code)) fault(`${what}: ${answer.error.code} ${answer.error.message}`);
    return answer;
  }

  /** One send, noted with what came of it. */
  async function sendOne(user: string, id: string, clientMsgId: string, text: string, device: Device | null): Promise<void> {
    const sending: Sending = {
      user,
      id,
      clientMsgId,
      text,
      connection: device === null ? null : connectionOf(device),
      answer: { lost: true },
      round: ledger.round(),
      low: ledger.head(id),
      high: Number.POSITIVE_INFINITY,
    };
    ledger.sendings.push(sending);
    const params = { conversationId: id, clientMsgId, kind: "text", body: { text } };
    sending.answer = checked(
      "message.send",
      await (device === null ? post(user, "message.send", params) : device.call("message.send", params)),
    );
    const sent = resultOf<Sent>(sending.answer);
    if (sent === null) return;
    ledger.raiseHead(id, sent.seq);
    ledger.raiseRead(user, id, sent.seq);
  }

  function send({ user, device, to, count, copies }: Step & { do: "send" }): Promise<unknown> {
    const room = pick(rooms, to);
    if (room === undefined) return Promise.resolve();
    // Of four who post in a feed three are its owner.
    const owner = room.kind === "feed" && user % 4 !== 3 ? people.find(({ name }) => name === room.creator) : undefined;
    const who = owner ?? participant(room, user);
    const all: Promise<void>[] = [];
    for (let n = 0; n < count; n++) {
      const clientMsgId = `${prefix}m${serial++}`;
      all.push(sendOne(who.name, room.id, clientMsgId, `${clientMsgId} first`, deviceOf(who, device)));
      if (copies > 1) all.push(sendOne(who.name, room.id, clientMsgId, `${clientMsgId} second`, deviceOf(who, device + 1)));
      if (copies > 2) all.push(sendOne(who.name, room.id, clientMsgId, `${clientMsgId} third`, null));
    }
    return Promise.all(all);
  }

  async function retry({ send: index, device }: Step & { do: "retry" }): Promise<void> {
    const before = pick(ledger.sendings, index);
    const who = people.find(({ name }) => name === before?.user);
    if (before === undefined || who === undefined) return;
    await sendOne(who.name, before.id, before.clientMsgId, `${before.clientMsgId} again ${serial++}`, deviceOf(who, device));
  }

  /** A call that changes something, once, or twice at the same time under one requestId, which must give one result. */
  async function change(who: Person, method: string, params: object, twice: boolean): Promise<Answer> {
    const note = ledger.asking(who.name, method);
    const named = twice ? { ...params, requestId: `${prefix}r${serial++}` } : params;
    const [answer, again] = await Promise.all([deviceOf(who, 0).call(method, named), twice ? post(who.name, method, named) : null]);
    checked(method, answer);
    if (again !== null && "result" in answer && "result" in again && !isDeepStrictEqual(answer, again)) {
      fault(`${method} twice under one requestId: ${JSON.stringify(answer)} and ${JSON.stringify(again)}`);
    }
    const conversation = resultOf<{ conversation?: Conversation | null }>(answer)?.conversation;
    if (conversation !== undefined && conversation !== null) {
      note([conversation]);
      const room = rooms.find(({ id }) => id === conversation.id);
      if (room !== undefined) room.owner = conversation.owner;
    }
    return answer;
  }

  async function alter({ do: way, by, to, users, twice }: Step & { do: "add" | "remove" }): Promise<void> {
    const room = pick(rooms, to);
    if (room === undefined) return;
    const owner = people.find(({ name }) => name === room.owner);
    const who = by % 4 === 3 || owner === undefined ? participant(room, by) : owner;
    // The first person stays in every group, so that none is ever without a reader.
    const names = [...new Set(users.map((index) => person(index).name))].filter((name) => way === "add" || name !== people[0]?.name);
    if (names.length === 0) return;
    const answer = await change(who, `conversation.${way}`, { conversationId: room.id, users: names }, twice);
    if ("error" in answer) return;
    ledger.left(room.id);
    for (const name of names) {
      if (way === "add") room.members.add(name);
      else room.members.delete(name);
    }
  }

  async function move({ do: way, user, to, twice }: Step & { do: "join" | "leave" }): Promise<void> {
    const room = pick(rooms, to);
    if (room === undefined) return;
    const who = way === "leave" ? participant(room, user) : person(user);
    if (way === "leave" && who === people[0] && room.kind === "group") return;
    const moved = room.kind === "feed" ? ledger.follows.moving(who.name, room.id, way) : () => undefined;
    const answer = await change(who, `conversation.${way}`, { conversationId: room.id }, twice);
    moved(answer);
    if ("error" in answer) return;
    ledger.left(room.id);
    if (way === "join") room.members.add(who.name);
    else room.members.delete(who.name);
  }

  async function read({ user, device, to, back }: Step & { do: "read" }): Promise<void> {
    const room = pick(rooms, to);
    if (room === undefined) return;
    const who = participant(room, user);
    const seq = Math.max(0, ledger.head(room.id) - back);
    const floor = ledger.readFloor(who.name, room.id);
    const answer = await deviceOf(who, device).call("message.read", { conversationId: room.id, seq });
    checked("message.read", answer);
    if ("lost" in answer) ledger.lostReads.add(`${who.name} ${room.id}`);
    const done = resultOf<{ readSeq: number; unread: number; total: number }>(answer);
    if (done === null) return;
    if (done.readSeq < floor) fault(`message.read: ${who.name} in ${room.id} goes back from ${floor} to ${done.readSeq}`);
    if (done.readSeq < seq && back >= 0) fault(`message.read: ${who.name} in ${room.id} asked for ${seq}, got ${done.readSeq}`);
    ledger.raiseRead(who.name, room.id, done.readSeq);
  }

  async function mute({ user, to, on }: Step & { do: "mute" }): Promise<void> {
    const room = pick(rooms, to);
    if (room === undefined) return;
    const who = participant(room, user);
    // Muting ends with the stay, and of a feed followed again nothing tells one stay from the next.
    if (room.kind === "feed" && who.name !== room.creator) return;
    who.muted.set(room.id, "unknown");
    // Of two at the same time, by HTTP and so perhaps in two processes, the one answered last need not be the last one done.
    const muting = mutings.getOrInsertComputed(`${who.name} ${room.id}`, () => ({ underWay: 0, crossed: false }));
    muting.crossed = muting.underWay > 0;
    muting.underWay += 1;
    const answer = await change(who, "conversation.update", { conversationId: room.id, muted: on }, false);
    muting.underWay -= 1;
    const my = resultOf<{ conversation: Conversation }>(answer)?.conversation.my;
    if (my !== undefined && !muting.crossed) who.muted.set(room.id, { on, joinedSeq: my.joinedSeq });
  }

  async function open(who: Person, params: Opening, first: string[], rules: { all: boolean; open: boolean }): Promise<void> {
    // Over HTTP: a connection may end before its answer, and what is not known of could not be checked.
    const note = ledger.asking(who.name, "conversation.create");
    const answer = checked("conversation.create", await post(who.name, "conversation.create", params));
    const made = resultOf<{ conversation: Conversation }>(answer)?.conversation;
    if (made === undefined) return;
    note([made]);
    if (rooms.some(({ id }) => id === made.id)) return;
    const { id, owner, createdAt } = made;
    rooms.push({ id, kind: params.kind, creator: who.name, first, ...rules, createdAt, owner, members: new Set(first) });
  }

  return { person, deviceOf, participant, pick, send, retry, alter, move, read, mute, open, sendOne };
}
export type Steps = ReturnType<typeof createSteps>;
