import { keys } from "#shared/hot/keys.ts";
import { parseMember, staysOf } from "#shared/hot/member.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { Ledger, Sending } from "./ledger.ts";
import type { Stay, Told } from "./replay.ts";
import type { Answer } from "./wire.ts";

/**
 * Following writes no entry, so that where a stay in a feed begins and ends among the posts of its round is for the server to say: it is read from
 * its store when all is over. What answers told binds it: who followed before a round and did nothing in it has all posts of the round.
 */
export async function staysOfFeed(hot: Hot, id: string): Promise<Map<string, Stay[]>> {
  const [head, past] = await Promise.all([hot.redis.hgetall(keys.head(id)), hot.redis.hgetall(keys.past(id))]);
  const users = new Set([...Object.keys(past), ...Object.keys(head).flatMap((field) => (field.startsWith("@") ? [field.slice(1)] : []))]);
  return new Map([...users].map((user) => [user, staysOf(parseMember(head[`@${user}`] ?? ""), past[user] ?? "")]));
}

type Standing = "in" | "out" | "unknown";

/** Who follows which feed at the end of each round, as far as answers tell. */
export interface Follows {
  /** A follow or an unfollow is under way; call the result with its answer. */
  moving(user: string, id: string, way: "join" | "leave"): (answer: Answer) => void;
  roundOver(): void;
  /** Where the user stood all through a round; null where they moved in it or nobody knows. */
  during(user: string, id: string, round: number): Exclude<Standing, "unknown"> | null;
}

export function createFollows(): Follows {
  const history = new Map<string, { round: number; standing: Standing }[]>();
  let moves = new Map<string, Standing[]>();
  let round = 0;
  return {
    moving(user, id, way) {
      const mine = moves.getOrInsertComputed(`${user} ${id}`, () => []);
      const at = mine.push("unknown") - 1;
      return (answer) => {
        if ("result" in answer) mine[at] = way === "join" ? "in" : "out";
        else if ("error" in answer && way === "leave" && answer.error.code === 103) mine[at] = "out";
      };
    },
    roundOver() {
      for (const [key, standings] of moves) {
        const known = history.getOrInsertComputed(key, () => []);
        // A call whose answer was lost may be carried out at any later time.
        const lost = known.some(({ standing }) => standing === "unknown") || standings.length !== 1;
        known.push({ round, standing: lost ? "unknown" : (standings[0] ?? "unknown") });
      }
      moves = new Map();
      round++;
    },
    during(user, id, asked) {
      const known = history.get(`${user} ${id}`) ?? [];
      if (known.some((one) => one.round === asked)) return null;
      const standing = known.findLast((one) => one.round < asked)?.standing ?? "out";
      return standing === "unknown" ? null : standing;
    },
  };
}

/** Posts of a round are in the stays of all who followed before it and did not move in it, and of nobody who did not. */
export function checkFollows(users: readonly string[], ledger: Ledger, told: ReadonlyMap<string, Told>): void {
  for (const [id, { room, entries, holds }] of told) {
    if (room.kind !== "feed") continue;
    const tries = Map.groupBy(
      ledger.sendings.filter((one) => one.id === id),
      ({ clientMsgId }) => clientMsgId,
    );
    for (const { message } of entries) {
      const round = roundOf(tries.get(message?.clientMsgId ?? "") ?? []);
      if (message === undefined || round === null) continue;
      for (const user of users) {
        const standing = user === room.creator ? "in" : ledger.follows.during(user, id, round);
        if (standing !== null && (standing === "in") !== holds(user, message.seq))
          ledger.fault(
            `${user} is ${standing} during round ${round}, and seq ${message.seq} of feed ${id} is ${standing === "in" ? "not " : ""}theirs`,
          );
      }
    }
  }
}

/** The round in which a message was committed; null where some try of it was in another one, or got no answer. */
function roundOf(tries: readonly Sending[]): number | null {
  const [first] = tries;
  if (first === undefined || tries.some(({ round, answer }) => round !== first.round || "lost" in answer)) return null;
  return first.round;
}
