/** How long a page may be given again (ms): long enough for all who scroll through it together, short enough for an edit to show. */
const LIFE = 5_000;
const MOST_PAGES = 1_000;
const MOST_WEIGHT = 32 * 1024 * 1024;

interface Kept<Page> {
  page: Promise<Page>;
  /** Date.now() at which it was asked for. */
  asked: number;
  weight: number;
}

/**
 * Reads each page once for all who ask for it within 5 s, also while it is still being read. A page that could not be read is asked for anew.
 * At most 1,000 pages and 32 Mi of weight are kept, the oldest go first.
 * @param weigh characters that a page holds
 * @param counted told of each page that is asked for if it is read or shared
 */
export function createColdPages<Page>(
  weigh: (page: Page) => number,
  counted: (outcome: "read" | "shared") => void = () => {},
): (key: string, read: () => Promise<Page>) => Promise<Page> {
  const kept = new Map<string, Kept<Page>>();
  let weight = 0;

  function forget(key: string, which: Kept<Page>): void {
    if (kept.get(key) !== which) return;
    kept.delete(key);
    weight -= which.weight;
  }

  function tidy(now: number): void {
    for (const [key, one] of kept) {
      if (now - one.asked < LIFE && kept.size <= MOST_PAGES && weight <= MOST_WEIGHT) return;
      forget(key, one);
    }
  }

  return (key, read) => {
    const now = Date.now();
    tidy(now);
    const known = kept.get(key);
    counted(known === undefined ? "read" : "shared");
    if (known !== undefined) return known.page;
    const one: Kept<Page> = { page: read(), asked: now, weight: 0 };
    kept.set(key, one);
    one.page.then(
      (page) => {
        if (kept.get(key) !== one) return;
        one.weight = weigh(page);
        weight += one.weight;
      },
      () => forget(key, one),
    );
    return one.page;
  };
}
