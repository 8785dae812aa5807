import { type Static, type TSchema, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Refusal } from "#shared/wire/errors.ts";
import { methodTable } from "#shared/wire/methods.ts";

/** The Centrifuge client protocol v2, inward: from what a client sent, in either encoding, to checked commands. */

/** A WebSocket message at most this many bytes; past it close 4009. */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** A command at most this many bytes; past it error 106. */
export const MAX_COMMAND_BYTES = 64 * 1024;
/** A connect command carries up to 1,000 positions. */
export const MAX_CONNECT_BYTES = 512 * 1024;

const MAX_ID = 2 ** 32 - 1;
const may = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));
const Channel = Type.String({ minLength: 1, maxLength: 256 });
const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const OneChannel = Type.Object({ channel: Channel });

const SubscribeEntry = Type.Object({ recover: may(Type.Boolean()), epoch: may(Type.String()), offset: may(Offset) });
const Connect = Type.Object({
  token: may(Type.String()),
  data: Type.Optional(Type.Unknown()),
  subs: may(Type.Record(Type.String(), SubscribeEntry)),
});
const History = Type.Object({
  channel: Channel,
  limit: may(Type.Integer({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 })),
  since: may(Type.Object({ offset: may(Offset), epoch: may(Type.String()) })),
  reverse: may(Type.Boolean()),
});

/** Bodies in the order of the protocol: of two in one command the first counts. */
const schemas = {
  connect: Connect,
  subscribe: OneChannel,
  unsubscribe: OneChannel,
  publish: OneChannel,
  presence: OneChannel,
  presence_stats: OneChannel,
  history: History,
  ping: Type.Object({}),
  send: Type.Object({ data: Type.Optional(Type.Unknown()) }),
  rpc: Type.Object({ method: Type.String(), data: Type.Optional(Type.Unknown()) }),
  refresh: Type.Object({ token: may(Type.String()) }),
  sub_refresh: Type.Object({}),
} as const;

type CommandKind = keyof typeof schemas;
const kinds = Object.keys(schemas) as CommandKind[];
const checks: ReadonlyMap<CommandKind, { Check(value: unknown): boolean }> = new Map(kinds.map((kind) => [kind, Compile(schemas[kind])]));

export type ConnectRequest = Static<typeof Connect>;
export type HistoryBody = Static<typeof History>;

type Valid = { [K in CommandKind]: { kind: K; id: number; bytes: number; body: Static<(typeof schemas)[K]> } }[CommandKind];
/** One command of a client. `refused` has a usable id but can't be served; `of` is what it was meant to be. */
export type Command =
  | Valid
  | { kind: "pong" }
  | { kind: "ignored" }
  | { kind: "refused"; id: number; of: CommandKind | "unknown"; refusal: Refusal };

/** Input that is no command at all: the connection is closed with 3501. */
export class Garbage extends Error {}

export const pong: Command = { kind: "pong" };
const ignored: Command = { kind: "ignored" };

/** The commands of one text frame, in order. Blank lines are skipped. Throws `Garbage`. */
export function* readJsonFrame(data: Buffer): Generator<Command> {
  const text = data.toString("utf8");
  if (!text.includes("\n")) {
    if (text.trim() === "") throw new Garbage("an empty frame");
    yield readCommand(text, data.length);
    return;
  }
  let blank = true;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    blank = false;
    yield readCommand(line, data.length <= MAX_COMMAND_BYTES ? line.length : Buffer.byteLength(line));
  }
  if (blank) throw new Garbage("an empty frame");
}

/** One line of `bytes` bytes as a command. Throws `Garbage`. */
function readCommand(line: string, bytes: number): Command {
  return line === "{}" ? pong : commandOf(parsed(line), bytes);
}

/** A command that came in `bytes` bytes, checked. Throws `Garbage`. */
export function commandOf(value: Record<string, unknown>, bytes: number): Command {
  const id = idOf(value);
  const kind = kinds.find((each) => value[each] !== undefined && value[each] !== null);
  if (kind === undefined) return withoutBody(value, id);
  if (kind === "send") return readSend(value[kind], bytes);
  if (id === 0) throw new Garbage("a command without id");
  const body = value[kind];
  const limit = largest(kind, body);
  if (bytes > limit) return refused(id, kind, new Refusal(106, `a command of ${bytes} bytes, at most ${limit} are allowed`));
  if (checks.get(kind)?.Check(body) !== true) return refused(id, kind, new Refusal(107, `malformed ${kind} command`));
  if (kind === "sub_refresh") return refused(id, kind, new Refusal(108, "sub_refresh"));
  return { kind, id, bytes, body } as Command;
}

function parsed(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Garbage("not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Garbage("not an object");
  return value as Record<string, unknown>;
}

/** 0 where there is none, as in Protobuf. */
function idOf(value: Record<string, unknown>): number {
  const { id } = value;
  if (id === undefined || id === null) return 0;
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > MAX_ID) throw new Garbage("not an id");
  return id;
}

function withoutBody(value: Record<string, unknown>, id: number): Command {
  if (id !== 0) return refused(id, "unknown", new Refusal(108, "this command"));
  return Object.keys(value).every((key) => key === "id") ? pong : ignored;
}

function readSend(body: unknown, bytes: number): Command {
  if (bytes > MAX_COMMAND_BYTES || checks.get("send")?.Check(body) !== true) return ignored;
  return { kind: "send", id: 0, bytes, body: body as Static<(typeof schemas)["send"]> };
}

function largest(kind: CommandKind, body: unknown): number {
  if (kind === "connect") return MAX_CONNECT_BYTES;
  if (kind !== "rpc" || typeof body !== "object" || body === null || !("method" in body)) return MAX_COMMAND_BYTES;
  const { method } = body;
  if (typeof method !== "string" || !Object.hasOwn(methodTable, method)) return MAX_COMMAND_BYTES;
  return methodTable[method]?.maxBytes ?? MAX_COMMAND_BYTES;
}

function refused(id: number, of: CommandKind | "unknown", refusal: Refusal): Command {
  return { kind: "refused", id, of, refusal };
}
