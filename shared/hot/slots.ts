/** Redis Cluster's hash slots, and tags that lie in a slot of one's choice. */
export const SLOTS = 16_384;

const POLYNOMIAL = 0x1021;
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL;
  return crc & 0xffff;
});

const shifted = (crc: number, byte: number): number => ((crc << 8) & 0xffff) ^ (table[(crc >> 8) ^ byte] as number);

/** CRC16 (XMODEM) of ASCII text, going on from another. */
function crc16(text: string, from = 0, to = text.length): number {
  let crc = 0;
  for (let i = from; i < to; i++) crc = shifted(crc, text.charCodeAt(i) & 0xff);
  return crc;
}

/** The slot of a key: of its tag, the text between the first braces, where it has one. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  return (close > open + 1 ? crc16(key, open + 1, close) : crc16(key)) % SLOTS;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/** Letters of an ending: with three there is one for every slot. */
const ENDING = 3;
let endings: string[] | undefined;

/** By slot, the first ending of three letters that lies there by itself. */
function endingsOfSlots(): string[] {
  const found: string[] = Array.from({ length: SLOTS });
  const put = (crc: number, text: string): void => {
    if (text.length === ENDING) found[crc % SLOTS] ??= text;
    else for (const letter of LETTERS) put(shifted(crc, letter.charCodeAt(0)), text + letter);
  };
  put(0, "");
  return found;
}

/**
 * The name with an ending such that it lies in the slot as a tag. The checksum is linear: what the ending has to add to that of the name can be
 * looked up.
 */
export function tagIn(slot: number, name: string): string {
  endings ??= endingsOfSlots();
  let crc = crc16(`${name}.`);
  for (let i = 0; i < ENDING; i++) crc = shifted(crc, 0);
  return `${name}.${endings[(crc ^ slot) % SLOTS] as string}`;
}
