import { setImmediate } from "node:timers/promises";
import type { Act } from "#services/relation/rules.ts";
import type { SetModel } from "#services/relation/testing.ts";
import type { Relation } from "#shared/wire/values.ts";
import type { Random } from "#test/support/random.ts";
import { freshId } from "#test/support/sdk-device.ts";
import { until } from "#test/support/until.ts";
import type { World } from "#test/support/world.ts";

/** One thing that one does to another. */
export interface Call {
  by: string;
  to: string;
  act: Act;
  alias?: string;
}

/** Four people of a server, what they do, and what the server says of them, as text that a model's is compared with. */
export interface Town {
  /** One call, or two at the same time, mostly about the same pair. */
  draw(): Call[];
  /** Calls; the view that is answered, or the code of the refusal. Rejects where it is not known what became of it. */
  ask(call: Call): Promise<string>;
  /** What everybody is shown of everybody, from facts. */
  views(): Promise<string>;
  viewsOf(model: SetModel): string;
  /** The lists of everybody, from the graph. */
  lists(): Promise<string>;
  listsOf(model: SetModel): string;
  /** Pairs in whose single both can send. Throws where one can and the other not. */
  sends(): Promise<string[]>;
  sendsOf(model: SetModel): string[];
  /** Waits until facts and graph agree with each other and with some of the models: those. */
  agree(models: readonly SetModel[]): Promise<SetModel[]>;
  /** Lets so many answers of the server come. */
  pass(answers: number): Promise<void>;
}

const acts = ["follow", "unfollow", "request", "accept", "decline", "unfriend", "add", "block", "unblock"] as const;
const likely: readonly Act[] = [...acts, "request", "accept", "follow", "unblock", "unblock"];
const kinds = ["followers", "following", "friends", "contacts", "requests", "blocked"] as const;
/** Facts are as the graph after so long (ms), and a little for the asking. */
const BEHIND = 5_000 + 1_000;

export async function openTown(world: World, random: Random): Promise<Town> {
  const users = ["ann", "bob", "cyd", "dan"];
  const ordered = users.flatMap((by) => users.filter((to) => to !== by).map((to) => [by, to] as const));
  const pairs = ordered.filter(([by, to]) => by < to);
  const singles = new Map<string, string>();
  for (const [by, to] of pairs) {
    const made = await world.call<{ conversation: { id: string } }>(by, "conversation.create", { kind: "single", user: to });
    singles.set(`${by} ${to}`, made.conversation.id);
  }

  function drawn([by, to]: readonly [string, string]): Call {
    const act = random.pick(likely);
    const alias = random.pick(["", "A", "B", undefined]);
    return act === "add" && alias !== undefined ? { by, to, act, alias } : { by, to, act };
  }

  async function ask({ by, to, act, alias }: Call): Promise<string> {
    try {
      const { relation } = await world.call<{ relation: Relation }>(by, `relation.${act}`, {
        user: to,
        ...(alias === undefined ? {} : { alias }),
      });
      return shown(relation);
    } catch (thrown) {
      const { code } = (thrown as { cause?: { code?: unknown } }).cause ?? {};
      if (code === 103 || code === 107) return String(code);
      throw thrown;
    }
  }

  const views = async (): Promise<string> => {
    const got = ordered.map(([by, to]) => world.call<{ relation: Relation }>(by, "relation.get", { user: to }));
    return (await Promise.all(got)).map(({ relation }, i) => `${ordered[i]?.join(" ")} ${shown(relation)}`).join("\n");
  };
  const viewsOf = (model: SetModel): string => ordered.map(([by, to]) => `${by} ${to} ${JSON.stringify(model.view(by, to))}`).join("\n");

  const lists = async (): Promise<string> => {
    const lines: string[] = [];
    for (const user of users) {
      for (const kind of kinds) {
        const { relations } = await world.call<{ relations: Relation[] }>(user, "relation.list", { kind });
        lines.push(
          `${user} ${kind} ${relations
            .map((relation) => relation.user)
            .toSorted()
            .join(" ")}`,
        );
      }
    }
    return lines.join("\n");
  };
  const listsOf = (model: SetModel): string =>
    users
      .flatMap((user) => {
        const others = users.filter((other) => other !== user).map((other) => ({ other, view: model.view(user, other) }));
        return kinds.map((kind) => `${user} ${kind} ${others.flatMap(({ other, view }) => (isOf(kind, view) ? [other] : [])).join(" ")}`);
      })
      .join("\n");

  async function maySend(from: string, conversationId: string): Promise<boolean> {
    const params = { conversationId, clientMsgId: freshId(), kind: "text", body: { text: "hello" } };
    return world.call(from, "message.send", params).then(
      () => true,
      (thrown: unknown) => {
        if ((thrown as { cause?: { code: number } }).cause?.code !== 103) throw thrown;
        return false;
      },
    );
  }

  return {
    draw() {
      const pair = random.pick(ordered);
      if (random.between(0, 2) === 0) return [drawn(pair)];
      const same = random.between(0, 4) > 0;
      return [drawn(pair), drawn(same ? random.pick([pair, [pair[1], pair[0]] as const]) : random.pick(ordered))];
    },
    ask,
    views,
    viewsOf,
    lists,
    listsOf,
    async sends() {
      const open: string[] = [];
      for (const [by, to] of pairs) {
        const id = singles.get(`${by} ${to}`) ?? "";
        const both = [await maySend(by, id), await maySend(to, id)];
        if (both[0] !== both[1]) throw new Error(`of ${by} and ${to} only one may send`);
        if (both[0] === true) open.push(`${by} ${to}`);
      }
      return open;
    },
    sendsOf: (model) =>
      pairs.filter(([by, to]) => !model.blocks.has(`${by} ${to}`) && !model.blocks.has(`${to} ${by}`)).map((pair) => pair.join(" ")),
    async agree(models) {
      let left: SetModel[] = [];
      let seen = "";
      await until(
        async () => {
          const [facts, graph] = [await views(), await lists()];
          left = models.filter((model) => viewsOf(model) === facts && listsOf(model) === graph);
          seen = `${facts}\n${graph}`;
          return left.length > 0;
        },
        BEHIND,
        () => `facts and graph that are as one of ${models.length} models; they are\n${seen}`,
      );
      return left.slice(0, 1);
    },
    async pass(answers) {
      for (let i = 0; i < answers; i++) await world.call("somebody", "unread.get", {}).then(() => setImmediate());
    },
  };
}

/** A relation as a model's view is written. */
const shown = ({ following, followed, friend, contact, alias = "", request, blocking }: Relation): string =>
  JSON.stringify({ following, followed, friend, contact, alias, request, blocking });

function isOf(kind: (typeof kinds)[number], view: ReturnType<SetModel["view"]>): boolean {
  switch (kind) {
    case "followers":
      return view.followed;
    case "following":
      return view.following;
    case "friends":
      return view.friend;
    case "contacts":
      return view.contact;
    case "requests":
      return view.request !== null;
    case "blocked":
      return view.blocking;
  }
}
