import { openDevice, type Device } from "../lean/device.ts";
import type { LoadServer } from "../lean/server.ts";
import type { Data, Oracle, Seen } from "./oracle.ts";

/** A person's socket and what came over it. */
export interface Person extends Seen {
  device: Device | null;
  /** Commands that wait for their answer. */
  waiting: Map<number, (reply: Reply) => void>;
  nextId: number;
}
export interface Reply {
  rpc?: { data: Record<string, unknown> };
  error?: { code: number; message: string };
}

interface Push {
  push: { channel: string; pub?: { data: Data; offset?: number }; subscribe?: object; unsubscribe?: object };
}

/** Told of each message that reached a device: its number. */
export type Delivered = (n: number) => void;

/** Everyone gets a socket, some a second one. Resolves when all are connected. */
export async function connectPeople(server: LoadServer, names: readonly string[], oracle: Oracle, delivered: Delivered): Promise<Person[]> {
  const devices = [
    ...names.map((user) => ({ user, name: user })),
    ...names.filter((_, i) => i % 20 === 0).map((user) => ({ user, name: `${user} (2)` })),
  ];
  const people: Person[] = [];
  const queue = devices.entries();
  const work = async (): Promise<void> => {
    for (const [i, { user, name }] of queue) people[i] = await connectPerson(server, user, name, oracle, delivered);
  };
  await Promise.all(Array.from({ length: 50 }, work));
  return people;
}

async function connectPerson(server: LoadServer, user: string, name: string, oracle: Oracle, delivered: Delivered): Promise<Person> {
  const person: Person = { user, name, inboxOffset: 0, last: new Map(), device: null, waiting: new Map(), nextId: 2 };
  const early: string[] = [];
  const line = (text: string): void => {
    if (person.device === null) early.push(text);
    else take(person, text, oracle, delivered);
  };
  const closed = (code: number): void => oracle.violated(`${name} was closed with ${code}`);
  const device = await openDevice(server.target, { user, token: await server.token(user) }, { line, closed });
  person.inboxOffset = device.reply.connect.subs[`inbox:${user}`]?.offset ?? 0;
  for (const room of oracle.rooms.values()) {
    // A single conversation shows to the other side from its first message, with a `conversation` event.
    if (room.members.has(user)) person.last.set(room.id, device.reply.connect.subs[`conversation:${room.id}`]?.offset ?? room.start);
  }
  person.device = device;
  for (const text of early) take(person, text, oracle, delivered);
  return person;
}

/** Rooms send the same line to everyone: it is read once. */
let before: { text: string; push: Push["push"] } | null = null;

function take(person: Person, text: string, oracle: Oracle, delivered: Delivered): void {
  if (text.startsWith('{"id"')) {
    const reply = JSON.parse(text) as Reply & { id: number };
    const answered = person.waiting.get(reply.id);
    person.waiting.delete(reply.id);
    answered?.(reply);
    return;
  }
  if (before === null || before.text !== text) before = { text, push: (JSON.parse(text) as Push).push };
  const { channel, pub } = before.push;
  if (pub === undefined || channel.startsWith("live:")) return;
  const n = oracle.got(person, pub.data, channel.startsWith("inbox:") ? (pub.offset ?? 0) : null);
  if (n >= 0) delivered(n);
}

/** An RPC of a person's over their socket. */
export function ask(person: Person, method: string, dataJson: string, answered: (reply: Reply) => void): void {
  const id = person.nextId++;
  person.waiting.set(id, answered);
  person.device?.rpc(id, method, dataJson);
}
