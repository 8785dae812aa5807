import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { lz4Decoder } from "./lz4.ts";
import { collect } from "./request.ts";

const TEXT = "hello hello hello hello hello hello, ok\n";
/** `lz4.frame.compress(TEXT)` of Python. */
const PLAIN = Buffer.from("04224d186840280000000000000075100000006f68656c6c6f2006000a502c206f6b0a00000000", "hex");
/** `lz4.frame.compress(TEXT * 3, block_linked=True, content_checksum=True, block_checksum=True, store_size=True)`. */
const CHECKED = Buffer.from(
  "04224d187c40780000000000000014200000006f68656c6c6f2006000a5f2c206f6b0a22000a0240000f280015502c206f6b0a419dd147000000009990243c",
  "hex",
);

const decode = async (parts: Buffer[]) => (await collect(Readable.from(parts).pipe(lz4Decoder()), 1e6)).toString();

test("frames are decoded, with and without checksums, several in a row and in single bytes", async () => {
  expect(await decode([PLAIN])).toBe(TEXT);
  expect(await decode([CHECKED])).toBe(TEXT.repeat(3));
  const both = Buffer.concat([PLAIN, CHECKED, PLAIN]);
  expect(await decode([...both].map((byte) => Buffer.from([byte])))).toBe(TEXT.repeat(5));
});

test("a broken frame is an error and not a hang", async () => {
  const read = (bytes: Buffer) => {
    const decoder = lz4Decoder();
    return collect(Readable.from([bytes]).pipe(decoder), 1e6);
  };
  await expect(read(Buffer.from("no frame at all"))).rejects.toThrow(/not a frame/);
  await expect(read(PLAIN.subarray(0, 20))).rejects.toThrow(/ends early/);
});
