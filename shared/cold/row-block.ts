import { digitsOf } from "#shared/ids/decimals.ts";

const FIRST_BYTES = 64 * 1024;
/** Strings up to this length are written character by character: a call into the runtime costs more. */
const SHORT = 24;
/** UTF-8 takes at most so many bytes a UTF-16 unit. */
const WIDEST = 3;
const HALF = 65_536;
const WORD = 4_294_967_296;

/**
 * Rows of one table in ClickHouse's RowBinary, written field by field in the order of its columns, so that a batch is a few buffers and not
 * tens of thousands of objects. Each row begins after the `end` of the one before. The identity is a sum over what was added to it with
 * `identify`, whatever the order: it names the batch.
 */
export class RowBlock {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  readonly #ends: number[] = [];
  readonly #sums: [number, number] = [0, 0];

  get rows(): number {
    return this.#ends.length;
  }

  /** Bytes of all rows. */
  get bytes(): number {
    return this.#length;
  }

  /** The same for the same identities in any order. */
  get identity(): string {
    return `${this.rows}-${this.#sums[0].toString(36)}-${this.#sums[1].toString(36)}`;
  }

  /** UInt64 from a decimal string below 2^64. */
  id(decimal: string): this {
    const cut = Math.max(0, decimal.length - 9);
    const high = digitsOf(decimal, 0, cut);
    const low = digitsOf(decimal, cut, decimal.length);
    // high · 10^9 + low in two 32-bit words, without passing 2^53 on the way; a remainder by multiplication, for % of such numbers is slow.
    const highHalf = Math.floor(high / HALF);
    const near = (high - highHalf * HALF) * 1e9 + low;
    const far = highHalf * 1e9;
    const nearWord = Math.floor(near / WORD);
    const farHalf = Math.floor(far / HALF);
    const word = (far - farHalf * HALF) * HALF + (near - nearWord * WORD);
    return word >= WORD ? this.#words(farHalf + nearWord + 1, word - WORD) : this.#words(farHalf + nearWord, word);
  }

  /** UInt64 from a whole number below 2^53; Int64 too, for it is not negative. */
  u64(value: number): this {
    const high = Math.floor(value / WORD);
    return this.#words(high, value - high * WORD);
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
    return this;
  }

  /** String: its length as a varint, then UTF-8. Half a surrogate pair becomes U+FFFD. */
  string(text: string): this {
    this.#reserve(text.length * WIDEST + 5);
    if (text.length <= SHORT && this.#ascii(text)) return this;
    const bytes = Buffer.byteLength(text);
    let rest = bytes;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 128;
    this.#bytes[this.#length++] = rest;
    this.#length += this.#bytes.write(text, this.#length, bytes, "utf8");
    return this;
  }

  /** Ends the row. */
  end(): void {
    this.#ends.push(this.#length);
  }

  /** Adds the present row's identity: a text that no other row of the table has, by 64 bits of a hash (after cyrb53). */
  identify(text: string): this {
    let one = 0xdeadbeef;
    let other = 0x41c6ce57;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      one = Math.imul(one ^ code, 0x9e3779b1);
      other = Math.imul(other ^ code, 0x5f356495);
    }
    one = Math.imul(one ^ (one >>> 16), 0x85ebca6b) ^ Math.imul(other ^ (other >>> 13), 0xc2b2ae35);
    other = Math.imul(other ^ (other >>> 16), 0x85ebca6b) ^ Math.imul(one ^ (one >>> 13), 0xc2b2ae35);
    this.#sums[0] = (this.#sums[0] + (one >>> 0)) % Number.MAX_SAFE_INTEGER;
    this.#sums[1] = (this.#sums[1] + (other >>> 0)) % Number.MAX_SAFE_INTEGER;
    return this;
  }

  /** The rows as they are inserted. Good until the next row is added. */
  body(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The bytes of one row. */
  row(index: number): Buffer {
    return this.#bytes.subarray(index === 0 ? 0 : this.#ends[index - 1], this.#ends[index]);
  }

  /** Those of the rows, in the order given, as a block without an identity. */
  only(indices: readonly number[]): RowBlock {
    const some = new RowBlock();
    for (const index of indices) {
      const row = this.row(index);
      some.#reserve(row.length);
      some.#length += row.copy(some.#bytes, some.#length);
      some.end();
    }
    return some;
  }

  #words(high: number, low: number): this {
    this.#reserve(8);
    this.#bytes.writeUInt32LE(low, this.#length);
    this.#length = this.#bytes.writeUInt32LE(high, this.#length + 4);
    return this;
  }

  /** Writes a short text and its length; false, with nothing written, where a character is not ASCII. */
  #ascii(text: string): boolean {
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = text.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return false;
      bytes[at++] = code;
    }
    this.#length = at;
    return true;
  }

  #reserve(more: number): void {
    const wanted = this.#length + more;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
