import fc from "fast-check";
import { expect, test } from "vitest";
import { preparedFrame, SharedFrames, textFrame } from "./lines.ts";

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

test("equal queues of prepared lines share a frame, others do not", () => {
  const shared = new SharedFrames();
  const [a, b, c] = [{ line: "a" }, { line: "b" }, { line: "c" }];
  const frame = shared.frameOf([a, b]);
  expect(payloadOf(frame)).toBe("a\nb");
  expect(shared.frameOf([a, b])).toBe(frame);
  expect(payloadOf(shared.frameOf([a, c]))).toBe("a\nc");
  expect(payloadOf(shared.frameOf([a, "own"]))).toBe("a\nown");
  expect(payloadOf(shared.frameOf([a, b, "own"]))).toBe("a\nb\nown");
  expect(preparedFrame(a)).toBe(preparedFrame(a));
});
