import type { Bus } from "#shared/hot/bus.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { userState, wentOffline } from "#shared/hot/users.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Here, NodeConnections, Recovered } from "#shared/wire/ports.ts";
import type { NodeWord } from "#shared/wire/node-word.ts";
import type { Outlet } from "./ports.ts";
import type { Seating } from "./seats.ts";

/** Users announced at once when the node is on the list again. */
const SLICE = 100;

/** Which nodes have a user online, and with how many connections: kept in the user's hash, where every node finds it when the user comes. */
export interface Whereabouts {
  /** What this node has of a user. */
  here(user: string): Here;
  /** A user came, and this is what all nodes said: one connection too many closes the oldest, wherever it is; nodes that are gone are taken out. */
  came(user: string, said: Pick<Recovered, "nodes" | "connections">): void;
  /** A connection or a waiting call of the user is gone. */
  went(user: string): void;
  /** Another node found this one to have the oldest of too many connections. */
  tooMany(word: Extract<NodeWord, { word: "tooMany" }>): void;
  /** Says again who is here. */
  announce(): Promise<void>;
  /** Resolves when all who went before are noted, as far as Redis takes it. */
  settled(): Promise<unknown>;
}

export function keepWhereabouts(deps: {
  hot: Hot;
  bus: Bus;
  seating: Seating;
  node: string;
  maxConnections: number;
  /** When a connection began, Unix ms. */
  since: (connection: Outlet) => number;
  logger: Logger;
}): Whereabouts {
  const { hot, bus, seating, node, maxConnections, since, logger } = deps;

  function here(user: string): Here {
    const there = seating.connectionsOf(user);
    const [oldest] = there;
    return { node, connections: oldest === undefined ? null : { oldest: since(oldest), count: there.length } };
  }

  /** What one node has too many it sees itself; here it is about several. Closing one is said by its node, which looks again. */
  function limit(user: string, all: readonly NodeConnections[]): void {
    if (all.length < 2) return;
    const alive = bus.nodes();
    const there = all.filter((one) => one.node === node || alive.has(one.node));
    if (there.reduce((sum, { count }) => sum + count, 0) <= maxConnections) return;
    const seen = there.reduce((first, one) => (one.oldest < first.oldest ? one : first));
    if (seen.node === node) closeOldest(user, seen);
    else bus.tell(seen.node, { word: "tooMany", user, seen });
  }

  /** Two nodes may have seen the same excess: only the connection that was seen is closed. */
  function closeOldest(user: string, seen: NodeConnections): void {
    const there = seating.connectionsOf(user);
    const [oldest] = there;
    if (oldest !== undefined && there.length >= seen.count && since(oldest) <= seen.oldest) oldest.close(4501);
    else went(user);
  }

  /** Those who went are noted in order, so the latest is noted last. */
  let latest: Promise<unknown> = Promise.resolve();

  function went(user: string): void {
    latest = wentOffline(hot, user, node, seating.users.has(user) ? here(user) : null).then(
      (all) => limit(user, all),
      (err: unknown) => logger.debug({ err }, "a user was not noted as offline"),
    );
  }

  async function takeOut(user: string, nodes: readonly string[]): Promise<void> {
    for (const gone of await bus.struckOff(nodes)) await wentOffline(hot, user, gone);
  }

  return {
    here,
    came(user, { nodes, connections }) {
      limit(user, connections);
      const alive = bus.nodes();
      const unheard = nodes.filter((one) => one !== node && !alive.has(one));
      if (unheard.length === 0) return;
      takeOut(user, unheard).catch((err: unknown) => logger.debug({ err }, "nodes that are gone were not taken out"));
    },
    went,
    tooMany: ({ user, seen }) => closeOldest(user, seen),
    settled: () => latest,
    async announce() {
      const users = [...seating.users.keys()];
      for (let first = 0; first < users.length; first += SLICE) {
        const some = users.slice(first, first + SLICE).filter((user) => seating.users.has(user));
        await Promise.all(some.map((user) => userState(hot, user, here(user))));
      }
    },
  };
}
