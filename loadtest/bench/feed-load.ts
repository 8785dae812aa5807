import { join, type Changing } from "#shared/hot/changes.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { createSnowflake } from "#shared/ids/snowflake.ts";
import type { LoadServer } from "../lean/server.ts";

/** The default of FANOUT_WRITE_MAX. */
export const WRITE_MAX = 500;
/** Followers that come in one call. */
const A_CALL = 5_000;
/** A worker id that no server of the bench leases: it takes the lowest that is free. */
const WORKER = 1_000;

/** The feed of a user, made where there is none. */
export async function feedOf(server: LoadServer, owner: string): Promise<string> {
  const { conversation } = await server.call<{ conversation: { id: string } }>(owner, "conversation.create", { kind: "feed" });
  return conversation.id;
}

/** Lets users follow feeds in big calls of the script that `conversation.join` runs for each of them. */
export function openFollowing(hot: Hot): (feed: string, users: readonly string[]) => Promise<void> {
  const deps: Changing = { hot, ids: createSnowflake({ worker: WORKER }), fanoutWriteMax: WRITE_MAX };
  return async (feed, users) => {
    // Who comes in the call that crosses the limit is given the switch: let that be one.
    for (let first = 0, many = WRITE_MAX - 1; first < users.length; first += many, many = first <= WRITE_MAX ? 1 : A_CALL) {
      const some = users.slice(first, first + many);
      await join(deps, feed, some[0] ?? "", "follow", some);
    }
  };
}

/** Names of so many followers; those of a small feed follow the big ones too. */
export const followers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `fan${from + i}`);
