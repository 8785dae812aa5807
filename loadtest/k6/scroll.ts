/** Readers walk `timeline.read` to the end and scroll `message.history` to the beginning, page by page, while others send. */
import { foundAll, peopleOf, prepare, type Place } from "./common/found.ts";
import { checked, counted, fromTiers, optionsOf, pages, times, violated } from "./common/metrics.ts";
import { watchScroll, watchWalk, type TimelineItem } from "./common/pages.ts";
import { createPosts, sendCall } from "./common/posts.ts";
import { callAll, callAside } from "./common/rpc.ts";
import { isMine } from "./common/scene.ts";
import { number, shareOf, sizeOf } from "./common/settings.ts";
import { createTalk } from "./common/talk.ts";
import { after, pace } from "./common/time.ts";
import type { Message } from "./common/witness.ts";

/** The rate is that of pages; a message is sent for every twenty. */
const size = sizeOf({ sockets: 20, rate: 100, seconds: 30, socketsPerVu: 50 });
const perRoom = number("LOAD_MESSAGES", 300, 1, 20_000);
const ROOMS = 5;
const PAGE = 50;
export const options = optionsOf(size, ["timeline_page_time", "history_page_time"]);
export { handleSummary } from "./common/summary.ts";

/** A conversation and the seqs of the messages in it. */
interface Room extends Place {
  filled: number[];
}

/** A few groups for each VU, of all its people, filled before anyone reads. */
export async function setup(): Promise<Room[]> {
  const tag = await prepare();
  const talk = createTalk();
  const plans = peopleOf(tag, size).flatMap(({ vu, people }) =>
    Array.from({ length: ROOMS }, () => ({ kind: "group" as const, vu, members: people })),
  );
  const rooms: Room[] = foundAll(plans).map((place) => ({ ...place, filled: [] }));
  for (let i = 0; i < perRoom; i++) {
    const calls = rooms.map(({ id, members }) => sendCall(talk.draft(members[i % members.length] as string, id)));
    for (const [n, { seq }] of callAll<{ seq: number }>(calls).entries()) rooms[n]?.filled.push(seq);
  }
  return rooms;
}

interface TimelinePage {
  items: TimelineItem[];
  cursor: string | null;
}
interface HistoryPage {
  messages: Message[];
  first: number;
  tiers: { hot: number; warm: number; cold: number };
  more: boolean;
}

/** One reader, who asks for a page when it is their turn. */
function createReader(user: string, turn: () => Promise<void>) {
  async function page<T>(method: "timeline.read" | "message.history", params: object): Promise<T> {
    await turn();
    const askedAt = Date.now();
    const result = await callAside<T>({ user, method, params });
    times[method === "timeline.read" ? "timeline_page_time" : "history_page_time"].add(Date.now() - askedAt);
    pages.add(1);
    return result;
  }

  return {
    async walk(rooms: readonly Room[]): Promise<void> {
      const watch = watchWalk(user, violated);
      let cursor: string | null = null;
      do {
        const { items, cursor: next }: TimelinePage = await page("timeline.read", { limit: PAGE, ...(cursor === null ? {} : { cursor }) });
        watch.page(items);
        cursor = next;
      } while (cursor !== null);
      checked.add(watch.ended(Object.fromEntries(rooms.map(({ id, filled }) => [id, filled]))));
    },
    async scroll({ id: conversationId, filled }: Room): Promise<void> {
      const watch = watchScroll(user, conversationId, violated);
      let before: number | null = null;
      for (let goOn = true; goOn;) {
        const bound: object = before === null ? {} : { before };
        const { messages, first, tiers, more }: HistoryPage = await page("message.history", { conversationId, limit: PAGE, ...bound });
        watch.page(messages);
        for (const tier of ["hot", "warm", "cold"] as const) fromTiers[tier].add(tiers[tier]);
        before = first;
        goOn = more;
      }
      checked.add(watch.ended(filled));
    },
  };
}

/** Turns of one reader, so many milliseconds apart; none of them waits once the time is over. */
function createTurns(ms: number, end: number): () => Promise<void> {
  let nextAt = Date.now();
  return async () => {
    const wait = Math.min(nextAt, end) - Date.now();
    nextAt = Math.max(nextAt, Date.now()) + ms;
    if (wait > 0) await after(wait);
  };
}

export default function scrolling(all: Room[]): Promise<void> {
  return counted(async () => {
    const rooms = all.filter(isMine);
    const people = rooms[0]?.members ?? [];
    const end = Date.now() + size.seconds * 1_000;
    const apart = (1_000 * shareOf(size, 1) * size.vus) / size.rate;
    const reading = people.map(async (user, i) => {
      const reader = createReader(user, createTurns(apart, end));
      for (let n = i; Date.now() < end; n++) {
        if (n % 2 === 0) await reader.walk(rooms);
        else await reader.scroll(rooms[n % rooms.length] as Room);
      }
    });
    const posts = createPosts(rooms, createTalk());
    await pace(size.rate / 20 / size.vus, size.seconds, posts.sendNext);
    await posts.answered();
    await Promise.all(reading);
  });
}
