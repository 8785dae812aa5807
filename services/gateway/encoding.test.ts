import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Encoding, Shared } from "./encoding.ts";
import { json } from "./json-encoding.ts";
import { decode, encode } from "./protobuf-codec.ts";
import { protobuf } from "./protobuf-encoding.ts";
import { Command as CommandMessage, Reply } from "./protobuf-schema.ts";
import { type Command, Garbage } from "./protocol.ts";

/** One of each reply and push. */
const samples = (encoding: Encoding) => [
  encoding.reply(3, "ping", "{}"),
  encoding.rpc(4, '{"a":1}'),
  encoding.error(5, { code: 111, message: 'too "many"\nrequests', temporary: true }),
  encoding.publication("live:ann", '{"text":"grüße"}'),
  encoding.publication("inbox:ann", "1", 9_007_199_254_740_991),
  encoding.subscribe("conversation:1", { epoch: "aaaa", offset: 4 }),
  encoding.unsubscribe("conversation:1", "mode changed"),
  encoding.reply(6, "presence", '{"presence":{"c1":{"user":"ann","client":"c1"}}}'),
  encoding.reply(7, "history", '{"publications":[{"data":{"n":1},"offset":1},{"data":{"n":2},"offset":2}],"epoch":"aaaa","offset":2}'),
];
const objects = [
  { id: 3, ping: {} },
  { id: 4, rpc: { data: { a: 1 } } },
  { id: 5, error: { code: 111, message: 'too "many"\nrequests', temporary: true } },
  { push: { channel: "live:ann", pub: { data: { text: "grüße" } } } },
  { push: { channel: "inbox:ann", pub: { data: 1, offset: 9_007_199_254_740_991 } } },
  {
    push: {
      channel: "conversation:1",
      subscribe: { recoverable: true, positioned: true, epoch: "aaaa", offset: 4, data: { epoch: "aaaa", offset: 4 } },
    },
  },
  { push: { channel: "conversation:1", unsubscribe: { code: 2000, reason: "mode changed" } } },
  { id: 6, presence: { presence: { c1: { user: "ann", client: "c1" } } } },
  {
    id: 7,
    history: {
      publications: [
        { data: { n: 1 }, offset: 1 },
        { data: { n: 2 }, offset: 2 },
      ],
      epoch: "aaaa",
      offset: 2,
    },
  },
];

/** The message of a piece that is one, without its length. */
function unprefixed(piece: string | Buffer): Buffer {
  const bytes = piece as Buffer;
  const prefix = bytes.findIndex((byte) => byte < 0x80) + 1;
  let length = 0;
  for (let i = prefix - 1; i >= 0; i--) length = length * 128 + ((bytes[i] as number) & 0x7f);
  expect(length).toBe(bytes.length - prefix);
  return bytes.subarray(prefix);
}

test("in JSON, what is sent is one object a line, with a result or a message", () => {
  const lines = samples(json) as string[];
  for (const line of lines) expect(line).not.toContain("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(objects);
});

test("in Protobuf, what is sent is the same objects, each behind its length", () => {
  const read = samples(protobuf).map((piece) => decode(Reply, unprefixed(piece)));
  expect(JSON.parse(JSON.stringify(read))).toEqual(objects);
});

/** Commands as a client writes them, as one Protobuf frame. */
function frameOf(...commands: Record<string, unknown>[]): Buffer {
  const frames = commands.map((command) => encode(CommandMessage, command, new BinaryWriter().fork()).join().finish());
  return Buffer.concat(frames);
}

test("commands are the same in both encodings", () => {
  const commands = [
    { id: 1, connect: { token: "t", data: { push: "notify" }, subs: { "inbox:ann": { recover: true, epoch: "aaaa", offset: 7 } } } },
    { id: 2, rpc: { method: "message.send", data: { text: "grüße", n: [1, null] } } },
    { id: 3, history: { channel: "inbox:ann", limit: -1, since: { offset: 3, epoch: "aaaa" }, reverse: true } },
    { id: 4_294_967_295, presence: { channel: "inbox:ann" } },
    { id: 5, refresh: { token: "t" } },
    { send: { data: { type: "typing" } } },
    { id: 6, ping: {} },
  ];
  const told = (command: Command) => ({ ...command, bytes: 0 });
  const binary = [...protobuf.read(frameOf(...commands))].map(told);
  const text = [...json.read(Buffer.from(commands.map((command) => JSON.stringify(command)).join("\n")))].map(told);
  expect(JSON.parse(JSON.stringify(binary))).toEqual(JSON.parse(JSON.stringify(text)));
});

test("an empty message is a pong, and empty data none", () => {
  expect([...protobuf.read(Buffer.from([0]))]).toEqual([{ kind: "pong" }]);
  const writer = new BinaryWriter().fork();
  writer.tag(1, WireType.Varint).uint32(9).tag(13, WireType.LengthDelimited).fork();
  writer.tag(2, WireType.LengthDelimited).string("unread.get").tag(1, WireType.LengthDelimited).bytes(new Uint8Array()).join();
  const [command] = protobuf.read(Buffer.from(writer.join().finish()));
  expect(command).toMatchObject({ kind: "rpc", id: 9, body: { method: "unread.get", data: undefined } });
});

test("fields that are not known are passed over, in a command and in its body", () => {
  const writer = new BinaryWriter().fork();
  writer.tag(1, WireType.Varint).uint32(9).tag(99, WireType.LengthDelimited).string("later");
  writer.tag(11, WireType.LengthDelimited).fork().tag(42, WireType.Bit64).double(1).join();
  expect([...protobuf.read(Buffer.from(writer.join().finish()))]).toMatchObject([{ kind: "ping", id: 9 }]);
});

test("whatever bytes come in are commands or garbage, never another error", () => {
  const written = fc.constantFrom(
    frameOf({ id: 1, rpc: { method: "a", data: { b: 1 } } }, { id: 2, connect: { subs: { a: { offset: 1 } } } }),
  );
  const bytes = fc.uint8Array({ maxLength: 60 });
  const mangled = fc.tuple(written, fc.nat(), fc.nat(255)).map(([frame, at, byte]) => {
    const copy = Buffer.from(frame);
    copy[at % copy.length] = byte;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(bytes, mangled), (frame) => {
      try {
        for (const command of protobuf.read(Buffer.from(frame))) expect(command.kind).toBeTypeOf("string");
      } catch (error) {
        expect(error).toBeInstanceOf(Garbage);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("what is written in one go is what the general writer writes", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 300 });
  const offset = fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined });
  fc.assert(
    fc.property(text, text, offset, fc.integer({ min: 1, max: 2 ** 32 - 1 }), (channel, said, at, id) => {
      const data = JSON.stringify(said);
      const written = (value: Record<string, unknown>) => Buffer.from(encode(Reply, value, new BinaryWriter().fork()).join().finish());
      fc.pre(channel !== "");
      expect(protobuf.publication(channel, data, at)).toEqual(written({ push: { channel, pub: { data: said, offset: at } } }));
      expect(protobuf.rpc(id, data)).toEqual(written({ id, rpc: { data: said } }));
    }),
  );
});

test("what goes to many is made once an encoding", () => {
  let made = 0;
  const shared = new Shared((encoding) => {
    made++;
    return encoding.publication("live:ann", "1");
  });
  for (const encoding of [json, protobuf, json, protobuf]) {
    expect(shared.frameIn(encoding)).toBe(shared.frameIn(encoding));
    expect(shared.frameIn(encoding)).toEqual(encoding.frame(shared.in(encoding)));
  }
  expect(made).toBe(2);
});
