import { Transform } from "node:stream";
import { ClickHouseError } from "./errors.ts";

const MAGIC = 0x184d2204;
const broken = (why: string) => new ClickHouseError(271, "CANNOT_DECOMPRESS", `LZ4 frame: ${why}`);

/** Reads a length that goes on in bytes of 255; returns the sum and the offset after it. */
const longLength = (input: Uint8Array, at: number, start: number): [number, number] => {
  let length = start;
  let i = at;
  if (start === 15) {
    let byte = 255;
    while (byte === 255) {
      byte = input[i++] ?? 0;
      length += byte;
    }
  }
  return [length, i];
};

/** Decodes one LZ4 block into `output` from `from` on (matches may reach back before it); returns the offset after the last byte. */
export const decodeBlock = (input: Uint8Array, output: Buffer, from: number): number => {
  let at = 0;
  let out = from;
  while (at < input.length) {
    const token = input[at++]!;
    let length: number;
    [length, at] = longLength(input, at, token >> 4);
    if (out + length > output.length || at + length > input.length) throw broken("literals past the end");
    output.set(input.subarray(at, at + length), out);
    at += length;
    out += length;
    if (at >= input.length) break;
    const distance = input[at]! | (input[at + 1]! << 8);
    [length, at] = longLength(input, at + 2, token & 15);
    length += 4;
    if (distance === 0 || distance > out || out + length > output.length) throw broken("a match past the end");
    if (distance >= length) output.copyWithin(out, out - distance, out - distance + length);
    else for (let i = 0; i < length; i += 1) output[out + i] = output[out + i - distance]!;
    out += length;
  }
  return out;
};

interface Frame {
  blockChecksum: boolean;
  contentChecksum: boolean;
  linked: boolean;
  maxBlock: number;
  headerBytes: number;
}

const readHeader = (buffer: Buffer): Frame | null => {
  if (buffer.length < 7) return null;
  if (buffer.readUInt32LE(0) !== MAGIC) throw broken("not a frame");
  const flags = buffer[4]!;
  const headerBytes = 7 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0);
  const maxBlock = 1 << (8 + 2 * ((buffer[5]! >> 4) & 7));
  if (buffer.length < headerBytes) return null;
  return { blockChecksum: (flags & 16) !== 0, contentChecksum: (flags & 4) !== 0, linked: (flags & 32) === 0, maxBlock, headerBytes };
};

const WINDOW = 65_536;

/** A transform that decodes LZ4 frames, also several in a row (as clickhouse-connect sends them). Checksums are not verified. */
export const lz4Decoder = (): Transform => {
  let pending: Buffer = Buffer.alloc(0);
  let frame: Frame | null = null;
  let history: Buffer = Buffer.alloc(0);

  const block = (input: Buffer, plain: boolean, current: Frame): Buffer => {
    if (plain) return Buffer.from(input);
    const output = Buffer.allocUnsafe(history.length + current.maxBlock);
    history.copy(output);
    const end = decodeBlock(input, output, history.length);
    const bytes = output.subarray(history.length, end);
    history = current.linked ? Buffer.from(output.subarray(Math.max(0, end - WINDOW), end)) : Buffer.alloc(0);
    return bytes;
  };

  /** One step: a header, a block or a frame's end; false when more bytes are needed. */
  const step = (push: (bytes: Buffer) => void): boolean => {
    if (frame === null) {
      frame = readHeader(pending);
      if (frame !== null) pending = pending.subarray(frame.headerBytes);
      return frame !== null;
    }
    if (pending.length < 4) return false;
    const size = pending.readUInt32LE(0);
    const bytes = size & 0x7fffffff;
    const whole = 4 + bytes + (bytes === 0 ? (frame.contentChecksum ? 4 : 0) : frame.blockChecksum ? 4 : 0);
    if (pending.length < whole) return false;
    if (bytes > 0) push(block(pending.subarray(4, 4 + bytes), size >>> 31 === 1, frame));
    else {
      frame = null;
      history = Buffer.alloc(0);
    }
    pending = pending.subarray(whole);
    return true;
  };

  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      try {
        while (pending.length > 0 && step((bytes) => void this.push(bytes)));
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      done(pending.length === 0 && frame === null ? null : broken("ends early"));
    },
  });
};
