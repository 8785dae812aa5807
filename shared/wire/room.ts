import { MAX_ANSWER_BYTES } from "./values.ts";

/** The room left in an answer. */
export interface Room {
  /** Takes the room of one item and the comma after it; false if there is not enough. The first item always fits. */
  take(item: string): boolean;
}

/** UTF-8 takes up to three bytes for each of a string's characters. */
const MOST_BYTES = 3;

/**
 * Counts an answer's bytes up to 512 KiB. Far from the end it only estimates: counting exactly costs a walk through the text.
 * @param used bytes that are taken already
 */
export function createRoom(used: number): Room {
  let counted = used;
  /** Items taken since the last exact count, and no more bytes than they can have. */
  let uncounted: string[] = [];
  let most = 0;
  let empty = true;
  const exactly = (): void => {
    for (const item of uncounted) counted += Buffer.byteLength(item) + 1;
    uncounted = [];
    most = 0;
  };
  return {
    take(item) {
      const bytes = item.length * MOST_BYTES + 1;
      if (counted + most + bytes > MAX_ANSWER_BYTES) {
        exactly();
        if (!empty && counted + Buffer.byteLength(item) + 1 > MAX_ANSWER_BYTES) return false;
      }
      uncounted.push(item);
      most += bytes;
      empty = false;
      return true;
    },
  };
}
