import type { Hot } from "#shared/hot/redis.ts";
import type { LoadServer } from "../lean/server.ts";
import { feedOf, followers, openFollowing, WRITE_MAX } from "./feed-load.ts";
import { atRest, costOf, openPerson, warmUp, type Cost, type Person } from "./growth-load.ts";
import { latency } from "./row.ts";

const FOLLOWS = 50;

export const followerCounts = (quick: boolean): number[] => (quick ? [10, 1_000, 20_000] : [10, 1_000, 100_000, 1_000_000]);

export interface FeedPoint extends Cost {
  followers: number;
  /** ms of a follow, and of the unfollow after it. */
  follow: number;
  unfollow: number;
  /** ms of the slowest of a hundred of them. */
  slowest: number;
  /** s until the followers were loaded, told to their inboxes and archived. */
  loading: number;
}

async function followTimes(server: LoadServer, conversationId: string): Promise<Pick<FeedPoint, "follow" | "unfollow" | "slowest">> {
  const fan = await openPerson(server, "newcomer");
  const [follow, unfollow]: [number[], number[]] = [[], []];
  for (let n = 0; n < FOLLOWS; n++) {
    follow.push((await fan.ask("conversation.join", { conversationId })).ms);
    unfollow.push((await fan.ask("conversation.leave", { conversationId })).ms);
  }
  fan.leave();
  return { follow: latency(follow).p50, unfollow: latency(unfollow).p50, slowest: Math.max(...follow, ...unfollow) };
}

async function expectFeed(author: Person, conversationId: string, count: number): Promise<void> {
  const { conversation } = (await author.ask<{ conversation: { mode: string; members: number } }>("conversation.get", { conversationId }))
    .result;
  const mode = count + 1 > WRITE_MAX ? "read" : "write";
  if (conversation.mode !== mode || conversation.members !== count + 1)
    throw new Error(`a feed of ${count} followers has ${conversation.members} members in ${conversation.mode} mode`);
}

/** What a post costs, until it is archived, and what a follow takes, by the number of followers. */
export async function feedsGrow(server: LoadServer, hot: Hot, quick: boolean): Promise<FeedPoint[]> {
  const follow = openFollowing(hot);
  const first = await openPerson(server, "author0");
  await warmUp(first, await feedOf(server, "author0"));
  first.leave();
  const points: FeedPoint[] = [];
  for (const count of followerCounts(quick)) {
    const author = await openPerson(server, `author${count}`);
    const feed = await feedOf(server, `author${count}`);
    const started = performance.now();
    await follow(feed, followers(count));
    await atRest(server, hot);
    const loading = (performance.now() - started) / 1_000;
    await expectFeed(author, feed, count);
    await costOf(server, hot, author, [feed], 1);
    const cost = await costOf(server, hot, author, [feed], quick ? 3 : 8);
    points.push({ followers: count, ...cost, ...(await followTimes(server, feed)), loading });
    author.leave();
  }
  return points;
}
