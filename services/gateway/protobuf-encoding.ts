import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { decode, encode } from "./protobuf-codec.ts";
import { Command as CommandMessage, Reply } from "./protobuf-schema.ts";
import type { Encoding } from "./encoding.ts";
import { binaryFrame } from "./frame.ts";
import { publicationMessage, rpcMessage } from "./protobuf-hot.ts";
import { type Command, commandOf, Garbage, pong } from "./protocol.ts";

/** Protobuf: messages one after another, each behind its length as varint; frames are binary. */
export const protobuf: Encoding = {
  binary: true,
  ping: Buffer.from([0]),
  reply: (id, kind, resultJson) => reply({ id, [kind]: JSON.parse(resultJson) }),
  rpc: rpcMessage,
  error: (id, { code, message, temporary }) => reply({ id, error: { code, message, temporary } }),
  publication: publicationMessage,
  subscribe: (channel, { epoch, offset }) =>
    reply({ push: { channel, subscribe: { recoverable: true, positioned: true, epoch, offset, data: { epoch, offset } } } }),
  unsubscribe: (channel, reason) => reply({ push: { channel, unsubscribe: { code: 2_000, reason } } }),
  join: (pieces) => Buffer.concat(pieces as Buffer[]),
  frame: (piece) => binaryFrame(piece as Buffer),
  read: readProtobufFrame,
};

const begin = (): BinaryWriter => new BinaryWriter().fork();

/** A message behind its length. */
function end(writer: BinaryWriter): Buffer {
  const bytes = writer.join().finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

const reply = (value: Record<string, unknown>): Buffer => end(encode(Reply, value, begin()));

/** The commands of one binary frame, in order. An empty message is the answer to a ping. Throws `Garbage`. */
function* readProtobufFrame(data: Buffer): Generator<Command> {
  if (data.length === 0) throw new Garbage("an empty frame");
  for (const message of messagesOf(data)) {
    if (message.length === 0) yield pong;
    else yield commandOf(decoded(message), message.length);
  }
}

function* messagesOf(data: Buffer): Generator<Buffer> {
  let at = 0;
  while (at < data.length) {
    let length = 0;
    let more = true;
    for (let shift = 0; more; shift += 7) {
      const byte = data[at++];
      if (byte === undefined || shift > 21) throw new Garbage("a message without a length");
      length |= (byte & 0x7f) << shift;
      more = byte > 0x7f;
    }
    if (at + length > data.length) throw new Garbage("a message that is cut off");
    yield data.subarray(at, at + length);
    at += length;
  }
}

function decoded(message: Buffer): Record<string, unknown> {
  try {
    return decode(CommandMessage, message);
  } catch {
    throw new Garbage("not a command");
  }
}
