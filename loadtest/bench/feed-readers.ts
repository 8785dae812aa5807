import type { Hot } from "#shared/hot/redis.ts";
import type { LoadServer } from "../lean/server.ts";
import type { Ask } from "./asker.ts";
import { openAsker, type Asker } from "./asking.ts";
import { wordsOf } from "./author.ts";
import { feedOf, followers, openFollowing } from "./feed-load.ts";
import { atRest, inParallel } from "./growth-load.ts";

const READERS = 20;
const PAGE = 50;
/** Posts of each author. */
const POSTS = 3;
/** More than FANOUT_WRITE_MAX together with the readers. */
const FANS = 500;

interface Sizes {
  authors: number;
  /** Of them so many are big. */
  big: number;
}
export const sizes = (quick: boolean): Sizes => (quick ? { authors: 200, big: 20 } : { authors: 2_000, big: 200 });

interface Item {
  source: string;
  key: string;
  message: { id: string; from: string };
}
interface Page {
  items: Item[];
  cursor: string | null;
}

const isBig = (n: number, { authors, big }: Sizes): boolean => n % (authors / big) === 0;

/** Readers who follow all authors, and what these have posted in a mixed order; ids of the posts. */
export async function prepareReaders(server: LoadServer, hot: Hot, of: Sizes): Promise<{ readers: string[]; posted: Map<string, string> }> {
  const follow = openFollowing(hot);
  const readers = Array.from({ length: READERS }, (_, i) => `reader${i}`);
  const feeds: string[] = [];
  const numbers = Array.from({ length: of.authors }, (_, n) => n);
  await inParallel(numbers, 20, async (n) => {
    feeds[n] = await feedOf(server, `poster${n}`);
    await follow(feeds[n], isBig(n, of) ? [...readers, ...followers(FANS)] : readers);
  });
  await atRest(server, hot);
  const posted = new Map<string, string>();
  const order = Array.from({ length: POSTS * of.authors }, (_, i) => (i * 7) % of.authors);
  await inParallel(order.entries(), 20, async ([i, n]) => {
    const message = { conversationId: feeds[n], clientMsgId: `post${i}`, kind: "text", body: { text: wordsOf(i) } };
    const { id } = await server.call<{ id: string }>(`poster${n}`, "message.send", message);
    posted.set(id, `poster${n}`);
  });
  await atRest(server, hot);
  return { readers, posted };
}

/** Walks through a reader's whole timeline: every post once, newest first, from the inbox or the author's mailbox. Gives the first page. */
async function checkedWalk(server: LoadServer, reader: string, posted: ReadonlyMap<string, string>, of: Sizes): Promise<Page> {
  const missing = new Map(posted);
  let first: Page | null = null;
  let last = "9".repeat(19);
  let cursor: string | null = null;
  do {
    const page: Page = await server.call<Page>(reader, "timeline.read", { limit: PAGE, cursor });
    for (const { source, key, message } of page.items) {
      const author = missing.get(message.id);
      const from = isBig(Number(author?.slice("poster".length)), of) ? "mailbox" : "inbox";
      if (author !== message.from || source !== from || BigInt(key) > BigInt(last))
        throw new Error(`${reader} got ${JSON.stringify(message)} of ${author} from the ${source} with key ${key} after ${last}`);
      missing.delete(message.id);
      last = key;
    }
    first ??= page;
    cursor = page.cursor;
  } while (cursor !== null);
  if (missing.size > 0) throw new Error(`${missing.size} posts are missing in the timeline of ${reader}`);
  return first as Page;
}

/** Devices of the readers that ask for their newest page, which a whole walk has proved right. */
export async function openFeedReaders(
  server: LoadServer,
  { readers, posted }: Awaited<ReturnType<typeof prepareReaders>>,
  of: Sizes,
): Promise<Asker> {
  const asks: Ask[] = [];
  for (const user of readers) {
    const page = await checkedWalk(server, user, posted, of);
    const expect = JSON.stringify({ items: page.items }).slice(0, -1);
    asks.push({ user, method: "timeline.read", data: `{"limit":${PAGE}}`, expect });
  }
  return openAsker(server.target, asks, (user) => server.token(user));
}
