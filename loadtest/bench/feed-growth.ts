import type { Hot } from "#shared/hot/redis.ts";
import type { LoadServer } from "../lean/server.ts";
import { feedOf, followers, openFollowing, WRITE_MAX } from "./feed-load.ts";
import { atRest, costOf, openPerson, warmUp, type Cost, type Person } from "./growth-load.ts";
import { latency } from "./row.ts";

/** Follows, and unfollows, of each feed. */
const FOLLOWS = 100;

export const followerCounts = (quick: boolean): number[] => (quick ? [10, 1_000, 20_000] : [10, 1_000, 100_000, 1_000_000]);

export interface FeedPoint extends Cost {
  followers: number;
  /** ms of `conversation.join` and of `conversation.leave`, p50. */
  follow: number;
  unfollow: number;
  /** s until the followers were loaded, told to their inboxes and archived. */
  loading: number;
}

/** One follows and unfollows each of the feeds in turn, so that what else goes on meets them alike. */
async function followTimes(server: LoadServer, feeds: readonly string[]): Promise<{ follow: number; unfollow: number }[]> {
  const fan = await openPerson(server, "newcomer");
  const times = feeds.map(() => ({ follow: [] as number[], unfollow: [] as number[] }));
  for (let n = 0; n < FOLLOWS; n++) {
    for (const [i, conversationId] of feeds.entries()) {
      times[i]?.follow.push((await fan.ask("conversation.join", { conversationId })).ms);
      times[i]?.unfollow.push((await fan.ask("conversation.leave", { conversationId })).ms);
    }
  }
  fan.leave();
  return times.map(({ follow, unfollow }) => ({ follow: latency(follow).p50, unfollow: latency(unfollow).p50 }));
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
  const points: Omit<FeedPoint, "follow" | "unfollow">[] = [];
  const feeds: string[] = [];
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
    points.push({ followers: count, ...cost, loading });
    feeds.push(feed);
    author.leave();
  }
  const times = await followTimes(server, feeds);
  return points.map((point, i) => ({ ...point, follow: times[i]?.follow ?? NaN, unfollow: times[i]?.unfollow ?? NaN }));
}
