import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Kind, Message } from "./protobuf-schema.ts";

/** An object as the JSON encoding has it too. */
type Fields = Record<string, unknown>;

/** Reads a message; fields that are not known are passed over. Throws on bytes that are no such message. */
export function decode(message: Message, bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const value: Fields = Object.create(null) as Fields;
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag();
    const field = message.byNumber.get(no);
    if (field === undefined) {
      reader.skip(wireType, no);
      continue;
    }
    if (wireType !== wireTypeOf(field.kind)) throw new Error(`${field.name} has wire type ${wireType}`);
    take(value, field.name, field.kind, reader);
  }
  return value;
}

const wireTypeOf = (kind: Kind): WireType =>
  kind === "flag" || kind === "count" || kind === "number" ? WireType.Varint : WireType.LengthDelimited;

function take(value: Fields, name: string, kind: Kind, reader: BinaryReader): void {
  if (kind instanceof Message) value[name] = decode(kind, reader.bytes());
  else if (typeof kind === "string") value[name] = scalar(kind, reader);
  else if ("list" in kind) ((value[name] ??= []) as unknown[]).push(decode(kind.list, reader.bytes()));
  else {
    const { key = "", value: entry = {} } = decode(entryOf(kind.map), reader.bytes());
    ((value[name] ??= Object.create(null)) as Fields)[key as string] = entry;
  }
}

function scalar(kind: Kind & string, reader: BinaryReader): unknown {
  switch (kind) {
    case "text":
      return reader.string();
    case "json":
      return jsonOf(reader.bytes());
    case "flag":
      return reader.bool();
    case "number":
      return reader.int32();
    case "count":
      return Number(reader.uint64());
  }
}

/** SDKs send empty bytes where an app gave nothing. */
function jsonOf(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
}

/** Adds a message's fields to the writer, as far as they are set: what is false, 0 or empty is not on the wire. */
export function encode(message: Message, value: Fields, writer: BinaryWriter): BinaryWriter {
  for (const [name, { no, kind }] of message.fields) {
    const given = value[name];
    const unset = given === undefined || (kind !== "json" && (given === null || given === false || given === 0 || given === ""));
    if (!unset) add(no, kind, given, writer);
  }
  return writer;
}

function add(no: number, kind: Kind, given: unknown, writer: BinaryWriter): void {
  if (kind instanceof Message) encode(kind, given as Fields, writer.tag(no, WireType.LengthDelimited).fork()).join();
  else if (kind === "text") writer.tag(no, WireType.LengthDelimited).string(given as string);
  else if (kind === "json") writer.tag(no, WireType.LengthDelimited).string(JSON.stringify(given));
  else if (kind === "flag") writer.tag(no, WireType.Varint).bool(given as boolean);
  else if (kind === "number") writer.tag(no, WireType.Varint).int32(given as number);
  else if (kind === "count") writer.tag(no, WireType.Varint).uint64(given as number);
  else if ("list" in kind) for (const one of given as Fields[]) add(no, kind.list, one, writer);
  else for (const [key, one] of Object.entries(given as Fields)) add(no, entryOf(kind.map), { key, value: one }, writer);
}

const entries = new Map<Message, Message>();

/** A map is a list of messages with key and value. */
function entryOf(message: Message): Message {
  return entries.getOrInsertComputed(message, () => new Message({ key: [1, "text"], value: [2, message] }));
}
