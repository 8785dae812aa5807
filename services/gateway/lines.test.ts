import fc from "fast-check";
import { expect, test } from "vitest";
import { Shared } from "./encoding.ts";
import { textFrame } from "./frame.ts";
import { json } from "./json-encoding.ts";
import { SharedFrames } from "./lines.ts";
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
