import { WebSocket } from "k6/websockets";
import { failed, modeSwitches, violated } from "./metrics.ts";
import { wordsOf, type Failure } from "./rpc.ts";
import { settings } from "./settings.ts";
import { tokenOf } from "./token.ts";
import { createWitness, type Data, type Message, type Position, type Sub, type Witness } from "./witness.ts";

/** One user's socket: Centrifuge protocol v2 in JSON, as much of it as a load test needs. */
export interface Device {
  readonly user: string;
  readonly witness: Witness;
  /** Connects, after a drop with the positions it had. Resolves with the milliseconds from the connect command to the whole reply. */
  connect(): Promise<number>;
  /** Calls a method; an error is counted and not answered. */
  ask<T>(method: string, params: object, answered: (result: T) => void): void;
  /** Whether the connect reply has come, and no drop since. */
  online(): boolean;
  /** Calls without an answer. */
  waiting(): number;
  /** Closes the socket; what comes afterwards is missed, until it connects again. */
  drop(): void;
  /** What the server says of its limits; rates are in it only where there are any. */
  limits(): { sendsPerSecond?: number };
}

/** Told of each message; `live` is false for one that was missed and came with the connect reply. */
export type Heard = (message: Message, live: boolean) => void;

interface Push {
  channel: string;
  pub?: { offset?: number; data: Data };
  subscribe?: Position;
  unsubscribe?: object;
}
interface Line {
  id?: number;
  error?: Failure;
  connect?: { subs: Record<string, Sub>; data: { limits: { sendsPerSecond?: number } } };
  rpc?: { data: unknown };
  push?: Push;
}

/** What k6 tells of a close, beyond its published types. */
interface Closed {
  code: number;
  reason: string;
}

/** A room's line is the same for all its sockets: it is read once. */
let before: { text: string; line: Line } = { text: "", line: {} };
function read(text: string): Line {
  if (text.startsWith('{"id"')) return JSON.parse(text) as Line;
  if (before.text !== text) before = { text, line: JSON.parse(text) as Line };
  return before.line;
}

export function createDevice(user: string, heard: Heard): Device {
  const witness = createWitness(user, violated);
  const asked = new Map<number, { method: string; answered: (result: never) => void }>();
  let limits = {};
  let socket: WebSocket | null = null;
  let ready = false;
  let nextId = 1;

  function publication(channel: string, offset: number, data: Data, live: boolean): void {
    const message = witness.published(channel, offset, data);
    if (message !== null) heard(message, live);
  }

  function push({ channel, pub, subscribe, unsubscribe }: Push): void {
    if (channel.startsWith("live:")) return;
    if (pub !== undefined) return publication(channel, pub.offset ?? 0, pub.data, true);
    modeSwitches.add(1);
    if (subscribe !== undefined) witness.subscribed(channel, { epoch: subscribe.epoch, offset: subscribe.offset ?? 0 });
    else if (unsubscribe !== undefined) witness.unsubscribed(channel);
  }

  function answer({ id = 0, error, rpc }: Line): void {
    const question = asked.get(id);
    asked.delete(id);
    if (question === undefined) failed(`${user} got an answer to nothing, id ${id}`);
    else if (error !== undefined) failed(`${user}: ${wordsOf(question.method, error)}`);
    else question.answered(rpc?.data as never);
  }

  function connected(line: Line, positions: ReturnType<Witness["positions"]>): void {
    if (line.connect === undefined)
      throw new Error(`${user} could not connect: ${wordsOf("connect", line.error ?? { code: 0, message: "" })}`);
    ({ limits } = line.connect.data);
    // An offset of 0 is left out.
    const subs = Object.fromEntries(
      Object.entries(line.connect.subs).map(([channel, sub]) => [channel, { ...sub, offset: sub.offset ?? 0 }]),
    );
    witness.connected(subs, positions);
    for (const [channel, { publications = [] }] of Object.entries(subs))
      for (const { offset, data } of publications) publication(channel, offset, data, false);
  }

  function connect(): Promise<number> {
    const opened = new WebSocket(`${settings.url.replace("http", "ws")}/connection/websocket`);
    const positions = witness.positions();
    let askedAt = 0;
    let connecting = true;
    socket = opened;
    return new Promise((resolve, reject) => {
      opened.onopen = () => {
        askedAt = Date.now();
        const subs = Object.fromEntries(Object.entries(positions).map(([channel, position]) => [channel, { recover: true, ...position }]));
        opened.send(JSON.stringify({ id: nextId++, connect: { token: tokenOf(user), subs, data: { device: "bot" } } }));
      };
      const take = (text: string): void => {
        if (text === "{}") return opened.send("{}");
        const line = read(text);
        if (line.push !== undefined) push(line.push);
        else if (!connecting) answer(line);
        else {
          connecting = false;
          ready = true;
          const ms = Date.now() - askedAt;
          connected(line, positions);
          resolve(ms);
        }
      };
      opened.onmessage = (event) => {
        // After a drop nothing counts as seen: the positions say where the next connection goes on.
        if (socket !== opened) return;
        try {
          for (const text of (event as { data: string }).data.split("\n")) take(text);
        } catch (error) {
          failed(`${user} could not take a frame: ${String(error)}`);
          reject(error as Error);
        }
      };
      opened.onerror = (event) => {
        if (socket === opened) reject(new Error(`${user} has no connection to ${settings.url}: ${event?.error}`));
      };
      opened.onclose = (event?: Closed) => {
        if (socket !== opened) return;
        const closed = `${user} was closed with ${event?.code} ${event?.reason}`;
        socket = null;
        ready = false;
        if (!connecting) failed(closed);
        reject(new Error(`${closed} while connecting`));
      };
    });
  }

  return {
    user,
    witness,
    connect,
    ask<T>(method: string, params: object, answered: (result: T) => void) {
      const id = nextId++;
      asked.set(id, { method, answered });
      socket?.send(JSON.stringify({ id, rpc: { method, data: params } }));
    },
    online: () => ready,
    waiting: () => asked.size,
    drop() {
      const open = socket;
      socket = null;
      ready = false;
      open?.close();
    },
    limits: () => limits,
  };
}
