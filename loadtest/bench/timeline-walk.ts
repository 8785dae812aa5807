import type { LoadServer } from "../lean/server.ts";
import type { Ask } from "./asker.ts";
import { openAsker, type Asker } from "./asking.ts";

/** Messages of one answer. */
export const PAGE = 50;

export interface Item<Message> {
  source: string;
  key: string;
  message: Message;
}
export interface Page<Message> {
  items: Item<Message>[];
  cursor: string | null;
}

/**
 * Walks through a reader's whole timeline: every message of `posted` once, newest first by key, each as `isRight` says. Gives the first page.
 * @param posted by message id
 */
export async function walkTimeline<Message extends { id: string }, Posted>(
  server: LoadServer,
  reader: string,
  posted: ReadonlyMap<string, Posted>,
  isRight: (item: Item<Message>, posted: Posted) => boolean,
): Promise<Page<Message>> {
  const missing = new Map(posted);
  let first: Page<Message> | null = null;
  // A raised key may meet the id of another message: then two have the same.
  let last = "9".repeat(19);
  let cursor: string | null = null;
  do {
    const page: Page<Message> = await server.call<Page<Message>>(reader, "timeline.read", { limit: PAGE, cursor });
    for (const item of page.items) {
      const one = missing.get(item.message.id);
      if (one === undefined || BigInt(item.key) > BigInt(last) || !isRight(item, one))
        throw new Error(`${reader} got ${JSON.stringify(item)} after ${last}, where ${JSON.stringify(one)} was posted`);
      missing.delete(item.message.id);
      last = item.key;
    }
    first ??= page;
    cursor = page.cursor;
  } while (cursor !== null);
  if (missing.size > 0) throw new Error(`${missing.size} messages are missing in the timeline of ${reader}`);
  return first as Page<Message>;
}

/** Devices of readers that ask for their newest page, which a whole walk has proved right. */
export function openReaders(server: LoadServer, pages: ReadonlyMap<string, Page<unknown>>): Promise<Asker> {
  const asks = Array.from(pages, ([user, { items }]): Ask => {
    return { user, method: "timeline.read", data: `{"limit":${PAGE}}`, expect: JSON.stringify({ items }).slice(0, -1) };
  });
  return openAsker(server.target, asks, (user) => server.token(user));
}
