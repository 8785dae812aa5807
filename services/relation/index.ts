import type { Registry } from "prom-client";
import { once } from "#shared/hot/once.ts";
import { defineMetrics } from "#shared/run/metrics.ts";
import type { Caller, Handler } from "#shared/wire/ports.ts";
import { change } from "./change.ts";
import type { Deps } from "./deps.ts";
import { fillFeed, noteNewFeed } from "./feeds.ts";
import { gatherCalls } from "./graph-calls.ts";
import { relationMetrics } from "./metrics.ts";
import { get, list, mutual, path, suggest } from "./questions.ts";
import { startReconciling } from "./reconcile.ts";
import type { Act, Words } from "./rules.ts";

export interface RelationParts extends Omit<Deps, "metrics" | "calls"> {
  registry: Registry;
  /** Resolves when inboxes hold what was committed before; refuses with 108 when they are behind for long. */
  fanoutCaughtUp: () => Promise<void>;
}

/** The relation station: its methods, and what other stations leave to it. */
export interface Relations extends AsyncDisposable {
  methods: Map<string, Handler>;
  /** Follows an author, or no longer. Refuses as `relation.follow` does. */
  follow(user: string, author: string, on: boolean): Promise<void>;
  /** To be called before a feed is created. */
  feedComes(author: string): Promise<void>;
  /** To be called when it is: brings in the first of those who followed before; the rest, and all where the graph is away, come in the background. */
  feedCame(author: string): Promise<void>;
}

interface Params extends Words {
  user: string;
}

const acts = ["follow", "unfollow", "request", "accept", "decline", "unfriend", "add", "block", "unblock"] as const satisfies Act[];

/** Starts the relation station. Until disposed it also looks after what processes that ended have left half done. */
export function openRelations({ registry, fanoutCaughtUp, ...parts }: RelationParts): Relations {
  const deps: Deps = { ...parts, calls: gatherCalls(parts.graph), metrics: defineMetrics(registry, relationMetrics) };
  const reconciling = startReconciling(deps);

  async function act(name: Act, { user: other, alias, note }: Params, { user }: Caller) {
    const words: Words = {
      ...(alias === undefined ? {} : { alias: alias.toWellFormed() }),
      ...(note === undefined ? {} : { note: note.toWellFormed() }),
    };
    const { relation, moved } = await change(deps, user, other, name, words);
    // What the caller asks next includes it; a slow fan-out delays no answer for long.
    if (moved) await fanoutCaughtUp().catch(() => undefined);
    return { relation };
  }

  const methods = new Map<string, Handler>(
    acts.map((name) => {
      const method = `relation.${name}`;
      return [method, once(deps, method, (params: Params, caller: Caller) => act(name, params, caller))];
    }),
  );
  for (const [method, answer] of Object.entries({ get, list, mutual, suggest, path })) {
    methods.set(`relation.${method}`, (params, caller) => answer(deps, params, caller));
  }
  return {
    methods,
    async follow(user, author, on) {
      await act(on ? "follow" : "unfollow", { user: author }, { user, session: null });
    },
    feedComes: (author) => noteNewFeed(deps, author),
    async feedCame(author) {
      await fillFeed(deps, author).catch((err: unknown) => deps.logger.info({ err }, "followers of a new feed are brought in later"));
    },
    [Symbol.asyncDispose]: () => reconciling[Symbol.asyncDispose](),
  };
}
