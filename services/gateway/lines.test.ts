import type { Socket } from "node:net";
import { type Duplex, PassThrough } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Shared } from "./encoding.ts";
import { textFrame } from "./frame.ts";
import { json } from "./json-encoding.ts";
import { Lines, SharedFrames, Turn } from "./lines.ts";
import { protobuf } from "./protobuf-encoding.ts";

/** Payload of one unmasked text frame, as RFC 6455 reads it. */
function payloadOf(frame: Buffer): string {
  expect(frame[0]).toBe(0x81);
  const short = frame[1] ?? 0;
  const [head, length] = short < 126 ? [2, short] : short === 126 ? [4, frame.readUInt16BE(2)] : [10, Number(frame.readBigUInt64BE(2))];
  expect(frame.length).toBe(head + length);
  return frame.subarray(head).toString("utf8");
}

test("any text is one frame of its UTF-8", () => {
  const anyText = fc.string({ unit: "grapheme", maxLength: 400 });
  fc.assert(
    fc.property(anyText, (text) => {
      expect(payloadOf(textFrame(text))).toBe(text);
    }),
  );
  for (const length of [0, 125, 126, 65_535, 65_536, 1_200_000]) expect(payloadOf(textFrame("x".repeat(length)))).toHaveLength(length);
});

test("equal queues of what is shared have one frame an encoding, others do not", () => {
  const frames = new SharedFrames();
  const [a, b, c] = ["a", "b", "c"].map((text) => new Shared(({ binary }) => (binary ? Buffer.from(text) : text))) as [
    Shared,
    Shared,
    Shared,
  ];
  const frame = frames.frameOf([a, b], json);
  expect(payloadOf(frame)).toBe("a\nb");
  expect(frames.frameOf([a, b], protobuf).subarray(2).toString()).toBe("ab");
  expect(frames.frameOf([a, b], json)).toBe(frame);
  expect(payloadOf(frames.frameOf([a, c], json))).toBe("a\nc");
  expect(payloadOf(frames.frameOf([a, "own"], json))).toBe("a\nown");
  expect(payloadOf(frames.frameOf([a, b, "own"], json))).toBe("a\nb\nown");
});

test("what is written at once goes behind what waits for the end of the turn, and before what is put later", async () => {
  const wire = new PassThrough();
  const frames: Buffer[] = [];
  wire.on("data", (frame: Buffer) => void frames.push(frame));
  let bytes = 0;
  const lines = new Lines(json, wire as Duplex as Socket, new Turn((written) => (bytes += written)), { close() {} });
  const now = new Shared(() => "now");
  lines.putNow(now);
  lines.put("waits");
  lines.putNow(now);
  lines.put("later");
  while (frames.length < 3) await nextTurn();
  expect(frames.map(payloadOf)).toEqual(["now", "waits\nnow", "later"]);
  expect(bytes).toBe(Buffer.concat(frames).length);
});

test("who takes nothing of what is written at once is closed with 3008, a mebibyte late", () => {
  const codes: number[] = [];
  const wire = new PassThrough({ highWaterMark: 0 });
  const lines = new Lines(json, wire as Duplex as Socket, new Turn(() => {}), { close: (code) => void codes.push(code) });
  const large = new Shared(() => "x".repeat(2 ** 18));
  for (let n = 1; n <= 3; n++) lines.putNow(large);
  expect(codes).toEqual([]);
  for (let n = 1; n <= 2; n++) lines.putNow(large);
  expect(codes[0]).toBe(3008);
});
