import { Centrifuge as JsonSdk } from "centrifuge";
import { Centrifuge as ProtobufSdk } from "centrifuge/build/protobuf";
import { WebSocket } from "ws";
import type { Conversation, Message, Positions } from "#shared/wire/values.ts";
import { until } from "./until.ts";

/** An entry as an app got it, with the channel it came through. */
export interface Heard {
  channel: string;
  offset: number;
  type: string;
  seq: number;
  prev: number;
  count: number;
  /** Of a message. */
  text: string | null;
}

/** What an SDK said when it had a channel. */
export interface Subscribed {
  channel: string;
  wasRecovering: boolean;
  recovered: boolean;
  /** Where it began, or was recovered from. */
  offset: number;
}

export interface Sent {
  id: string;
  seq: number;
  at: number;
  duplicate: boolean;
}

/** An app on the official JavaScript SDK and nothing else: it keeps what it was given, in the order it was given. */
export interface Device extends Disposable {
  readonly user: string;
  readonly client: JsonSdk | ProtobufSdk;
  /** Entries of a conversation in the order of their arrival. */
  heard(conversationId: string): Heard[];
  /** User events and ephemeral ones, by arrival. */
  readonly events: { channel: string; data: Record<string, unknown> }[];
  /** Every `subscribed` since the last `connect()`. */
  readonly subscribed: Subscribed[];
  /** Where the app stands in each channel, as an app would store it. */
  readonly positions: Positions;
  /** Codes of `connecting` and `disconnected` events. */
  readonly codes: number[];
  connect(): Promise<void>;
  /** Waits for the end of a reconnect that goes on by itself. */
  connected(): Promise<void>;
  away(): void;
  rpc<T>(method: string, params: object): Promise<T>;
  send(conversationId: string, text: string, clientMsgId?: string): Promise<Sent>;
}

export interface DeviceOptions {
  /** ws://…/connection/websocket */
  socket: string;
  user: string;
  token: () => Promise<string>;
  /** `connect.data`. */
  data?: object;
}

let named = 0;

/** In Protobuf, an app gives and gets the bytes of its data. */
const bytesOf = (data: object): Uint8Array => new TextEncoder().encode(JSON.stringify(data));
/** Data that an SDK gave, whichever encoding it speaks. */
export const dataOf = (given: unknown): unknown => (given instanceof Uint8Array ? JSON.parse(new TextDecoder().decode(given)) : given);

let made = 0;

/** A client message id that no other call of this process gets. */
export const freshId = (): string => `${process.pid}-${++named}`;

interface EntryData {
  type: string;
  conversationId?: string;
  seq?: number;
  prev?: number;
  count?: number;
  message?: Message;
}

/** Makes a device; `connect()` brings it online. Every other one speaks Protobuf, so that whatever is shown with devices is shown of both encodings. */
export function createDevice({ socket, user, token, data }: DeviceOptions): Device {
  const binary = made++ % 2 === 1;
  const give = binary ? bytesOf : (value: object) => value;
  const client = new (binary ? ProtobufSdk : JsonSdk)(socket, {
    websocket: WebSocket,
    getToken: token,
    minReconnectDelay: 10,
    maxReconnectDelay: 500,
    timeout: 20_000,
    ...(data === undefined ? {} : { data: give(data) }),
  });
  const entries = new Map<string, Heard[]>();
  const events: Device["events"] = [];
  const subscribed: Subscribed[] = [];
  const positions: Positions = {};
  const codes: number[] = [];

  const heard = (conversationId: string) => entries.getOrInsertComputed(conversationId, () => []);
  client.on("subscribed", ({ channel, streamPosition, wasRecovering, recovered }) => {
    subscribed.push({ channel, wasRecovering: wasRecovering === true, recovered: recovered === true, offset: streamPosition?.offset ?? 0 });
    if (streamPosition !== undefined) positions[channel] = { epoch: streamPosition.epoch, offset: streamPosition.offset };
  });
  client.on("unsubscribed", ({ channel }) => delete positions[channel]);
  client.on("publication", ({ channel, offset, data: given }) => {
    const published = dataOf(given);
    const at = positions[channel];
    if (at !== undefined && offset !== undefined) positions[channel] = { epoch: at.epoch, offset };
    const event = published as EntryData;
    const entry = event.message ?? event;
    if (offset === undefined || entry.seq === undefined || entry.prev === undefined || entry.count === undefined) {
      events.push({ channel, data: published as Record<string, unknown> });
      return;
    }
    const text = event.message === undefined ? null : ((event.message.body as { text?: string } | null)?.text ?? null);
    const { seq, prev, count } = entry;
    heard(entry.conversationId ?? "").push({ channel, offset, type: event.type, seq, prev, count, text });
  });
  client.on("connecting", ({ code }) => codes.push(code));
  client.on("disconnected", ({ code }) => codes.push(code));

  const rpc = async <T>(method: string, params: object): Promise<T> => dataOf((await client.rpc(method, give(params))).data) as T;
  return {
    user,
    client,
    heard,
    events,
    subscribed,
    positions,
    codes,
    async connect() {
      subscribed.length = 0;
      client.connect();
      await client.ready(30_000);
    },
    connected: () => client.ready(30_000),
    away: () => client.disconnect(),
    rpc,
    send: (conversationId, text, clientMsgId = freshId()) =>
      rpc("message.send", { conversationId, clientMsgId, kind: "text", body: { text } }),
    [Symbol.dispose]: () => client.disconnect(),
  };
}

/** Waits until the device has heard the entry. */
export function hears(device: Device, conversationId: string, seq: number, ms = 20_000): Promise<void> {
  const lacking = () =>
    `${device.user} has ${device.heard(conversationId).length} entries of ${conversationId}, the last ${device.heard(conversationId).at(-1)?.seq}; wanted ${seq}`;
  return until(() => (device.heard(conversationId).at(-1)?.seq ?? 0) >= seq, ms, lacking);
}

export const seqsOf = (heard: readonly { seq: number }[]): number[] => heard.map(({ seq }) => seq);

/** from … to, both included. */
export const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

/** A group of the caller and others. */
export async function group(device: Device, title: string, members: string[], more: object = {}): Promise<Conversation> {
  const made = await device.rpc<{ conversation: Conversation }>("conversation.create", { kind: "group", title, members, ...more });
  return made.conversation;
}
