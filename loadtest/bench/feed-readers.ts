import type { Hot } from "#shared/hot/redis.ts";
import type { LoadServer } from "../lean/server.ts";
import type { Asker } from "./asking.ts";
import { wordsOf } from "./author.ts";
import { feedOf, followers, openFollowing } from "./feed-load.ts";
import { atRest, inParallel } from "./growth-load.ts";
import { openReaders, type Page, walkTimeline } from "./timeline-walk.ts";

const READERS = 20;
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

interface Message {
  id: string;
  from: string;
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

/** Devices of the readers, whose timelines are the posts, from the inbox or the author's mailbox. */
export async function openFeedReaders(
  server: LoadServer,
  { readers, posted }: Awaited<ReturnType<typeof prepareReaders>>,
  of: Sizes,
): Promise<Asker> {
  const pages = new Map<string, Page<Message>>();
  for (const user of readers) {
    const page = await walkTimeline<Message, string>(server, user, posted, ({ source, message }, author) => {
      const from = isBig(Number(author.slice("poster".length)), of) ? "mailbox" : "inbox";
      return author === message.from && source === from;
    });
    pages.set(user, page);
  }
  return openReaders(server, pages);
}
