import { compareDecimals } from "#shared/ids/decimals.ts";
import { newestFirst, type Rank } from "./mixer-merge.ts";

/** One in so many items of a page at most is none of the reader's own. */
export const ONE_IN = 5;

/** How many of a page can be none of the reader's own. */
export const mostMixed = (limit: number): number => Math.floor(limit / ONE_IN);

export interface Mixed<Own, Extra> {
  /** In the order of the page. */
  items: (Own | Extra)[];
  /** How many of one's own are among them; the rest comes with the next page. */
  own: number;
}

/**
 * Mixes messages of others into a page of one's own. They stand where their key says, so that all is newest first, and the stretch of keys that a
 * page covers is not covered by the next: that is why none comes twice. As many as there may be: one in five items.
 * @param own what could be on the page, in order
 * @param extras messages of others not above the beginning of the page, newest first
 * @param end key of the place up to which the page looks when all of `own` is on it; null if nothing of one's own comes after
 */
export function mix<Own extends Rank, Extra extends Rank>(
  own: readonly Own[],
  extras: readonly Extra[],
  limit: number,
  end: string | null,
): Mixed<Own, Extra> {
  for (let wanted = Math.min(mostMixed(limit), extras.length); wanted > 0; wanted--) {
    const count = Math.min(own.length, limit - wanted);
    if (wanted * (ONE_IN - 1) > count) continue;
    const bound = count === own.length ? end : (own[count - 1]?.key ?? null);
    const within = extras.filter(({ key }) => bound === null || compareDecimals(key, bound) > 0).slice(0, wanted);
    if (within.length < wanted) continue;
    return { items: [...own.slice(0, count), ...within].toSorted(newestFirst), own: count };
  }
  return { items: own.slice(0, limit), own: Math.min(own.length, limit) };
}
