import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addInbox, addMessage, inboxKeyOf, messageKeyOf } from "./encode.ts";
import { RowBlock } from "./row-block.ts";
import type { InboxRow, MessageRow } from "./rows.ts";

const bodyOf = (write: (block: RowBlock) => unknown): Buffer => {
  const block = new RowBlock();
  write(block);
  return Buffer.from(block.body());
};

/** A string of RowBinary: the varint of its length, and its text. */
function readString(bytes: Buffer): { text: string; length: number; size: number } {
  let length = 0;
  let at = 0;
  for (let place = 1; ; place *= 128) {
    const byte = bytes.readUInt8(at++);
    length += (byte % 128) * place;
    if (byte < 128) break;
  }
  return { text: bytes.toString("utf8", at, at + length), length, size: at + length };
}

describe("numbers", () => {
  test("an id is the little-endian UInt64 of its digits", () => {
    const edges = [0n, 1n, 999_999_999n, 10n ** 9n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
    const id = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    fc.assert(
      fc.property(id, (value) => {
        expect(bodyOf((block) => block.id(String(value))).readBigUInt64LE()).toBe(value);
      }),
    );
  });

  test("a whole number below 2^53 keeps every bit", () => {
    const value = fc.oneof(fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
    fc.assert(
      fc.property(value, (number) => {
        expect(bodyOf((block) => block.u64(number)).readBigUInt64LE()).toBe(BigInt(number));
      }),
    );
  });

  test("a UInt32 keeps every bit", () => {
    const value = fc.oneof(fc.constantFrom(0, 2 ** 32 - 1), fc.nat(2 ** 32 - 1));
    fc.assert(
      fc.property(value, (number) => {
        expect(bodyOf((block) => block.u32(number)).readUInt32LE()).toBe(number);
      }),
    );
  });
});

describe("strings", () => {
  /** Any UTF-16 units, halves of pairs included. */
  const units = fc.array(fc.nat(0xffff), { maxLength: 60 }).map((codes) => String.fromCharCode(...codes));
  const texts = fc.oneof(units, fc.string({ unit: "grapheme", maxLength: 60 }), fc.string({ unit: "binary-ascii", maxLength: 30 }));

  test("a string is its length in bytes and well-formed UTF-8, whatever its characters", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = bodyOf((block) => block.string(text));
        const read = readString(bytes);
        expect(read.text).toBe(text.toWellFormed());
        expect(read.size).toBe(bytes.length);
      }),
    );
  });

  test("a length takes a second byte from 128 on and a third from 16,384 on", () => {
    for (const [length, head] of [
      [0, 1],
      [24, 1],
      [25, 1],
      [127, 1],
      [128, 2],
      [16_383, 2],
      [16_384, 3],
      [2_097_151, 3],
      [2_097_152, 4],
    ] as const) {
      for (const letter of ["a", "\0"]) {
        const bytes = bodyOf((block) => block.string(letter.repeat(length)));
        expect(bytes.length).toBe(head + length);
        expect(readString(bytes)).toMatchObject({ length, size: bytes.length });
      }
    }
  });

  test("half of a surrogate pair becomes U+FFFD, in short strings and long ones", () => {
    for (const text of ["\ud83d", "a\udc00b", `${"x".repeat(200)}\ud83d`]) {
      expect(readString(bodyOf((block) => block.string(text))).text).toBe(text.toWellFormed());
    }
  });
});

const id = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(String);
const text = fc.string({ unit: "grapheme", maxLength: 300 });
const message: fc.Arbitrary<MessageRow> = fc.record({
  conversation_id: id,
  seq: fc.maxSafeNat(),
  message_id: id,
  prev: fc.maxSafeNat(),
  count: fc.maxSafeNat(),
  sender: text,
  kind: fc.constantFrom("text", "image"),
  body: text,
  text,
  at: fc.nat(4_000_000_000_000),
  target: fc.maxSafeNat(),
  members: fc.nat(100_000),
  mode: fc.constantFrom("write", "read"),
  revision: fc.nat(100),
  client_msg_id: text,
  extra: text,
});
const pointer: fc.Arbitrary<InboxRow> = fc.record({
  user: fc.stringMatching(/^[A-Za-z0-9._:@-]{1,64}$/),
  offset: fc.maxSafeNat(),
  type: fc.constantFrom("message", "read"),
  conversation_id: id,
  seq: fc.maxSafeNat(),
  message_id: id,
  at: fc.nat(4_000_000_000_000),
  timeline_key: id,
  epoch: fc.stringMatching(/^[A-Za-z0-9]{4,16}$/),
  data: text,
});
const blockOf = (rows: readonly MessageRow[]): RowBlock => {
  const block = new RowBlock();
  for (const row of rows) addMessage(block, row);
  return block;
};
const shuffled = <Item>(items: Item[]): fc.Arbitrary<Item[]> => fc.shuffledSubarray(items, { minLength: items.length });

describe("rows", () => {
  test("the rows of a block are what each of them is alone, also where the block had to grow", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.nat(100_000), (rows, more) => {
        const all = rows.map((row, i) => (i === 1 ? { ...row, body: "é".repeat(more) } : row));
        const block = blockOf(all);
        expect(block.rows).toBe(all.length);
        expect(block.bytes).toBe(block.body().length);
        for (const [i, row] of all.entries()) expect(block.row(i).equals(blockOf([row]).body())).toBe(true);
        expect(Buffer.concat(all.map((_, i) => block.row(i))).equals(block.body())).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("some of the rows are a block of these rows in the order asked for", () => {
    const asked = fc
      .array(message, { minLength: 1, maxLength: 8 })
      .chain((rows) => fc.tuple(fc.constant(rows), fc.shuffledSubarray(rows.map((_, i) => i))));
    fc.assert(
      fc.property(asked, ([rows, indices]) => {
        const some = blockOf(rows).only(indices);
        const alone = blockOf(indices.map((i) => rows[i] as MessageRow));
        expect(some.rows).toBe(indices.length);
        expect(some.body().equals(alone.body())).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("a row is found again by its key", () => {
    fc.assert(
      fc.property(message, (row) => {
        expect(messageKeyOf(blockOf([row]).row(0))).toMatchObject({ conversationId: row.conversation_id, seq: row.seq });
      }),
    );
    fc.assert(
      fc.property(pointer, (row) => {
        const block = new RowBlock();
        addInbox(block, row);
        expect(inboxKeyOf(block.row(0))).toMatchObject({ user: row.user, offset: row.offset });
      }),
    );
  });
});

describe("the identity", () => {
  const rows = fc.uniqueArray(message, { minLength: 2, maxLength: 8, selector: (row) => row.message_id });

  test("is the same for the same rows in any order", () => {
    const twice = rows.chain((some) => fc.tuple(fc.constant(some), shuffled(some)));
    fc.assert(
      fc.property(twice, ([some, other]) => {
        expect(blockOf(other).identity).toBe(blockOf(some).identity);
      }),
    );
  });

  test("is another where a row is another, is missing or comes twice", () => {
    fc.assert(
      fc.property(rows, id, (some, newId) => {
        fc.pre(some.every((row) => row.message_id !== newId));
        const [first, ...rest] = some as [MessageRow, ...MessageRow[]];
        const { identity } = blockOf(some);
        expect(blockOf([{ ...first, message_id: newId }, ...rest]).identity).not.toBe(identity);
        expect(blockOf(rest).identity).not.toBe(identity);
        expect(blockOf([first, ...some]).identity).not.toBe(identity);
        expect(blockOf([first, first, ...rest.slice(1)]).identity).not.toBe(identity);
      }),
    );
  });

  test("tells a pointer of one life of an inbox from that of another", () => {
    fc.assert(
      fc.property(pointer, (row) => {
        const [one, other] = [new RowBlock(), new RowBlock()];
        addInbox(one, row);
        addInbox(other, { ...row, epoch: `${row.epoch.slice(1)}${row.epoch.startsWith("A") ? "B" : "A"}` });
        fc.pre(!one.body().equals(other.body()));
        expect(other.identity).not.toBe(one.identity);
      }),
    );
  });
});
