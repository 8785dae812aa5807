import fc from "fast-check";
import { hotPointers } from "#shared/hot/users.ts";
import type { Tiers } from "./timeline-world.ts";
import { isIn, type Known, type Traffic } from "./timeline-traffic.ts";

/** One thing that happens: `what` to conversation `where`, by or for `who`; `part` of it where a place is needed (per mille). */
export interface Step {
  what: "send" | "other" | "join" | "leave" | "switch" | "deliver" | "trimMailbox" | "trimInbox";
  where: number;
  who: number;
  part: number;
}

const often = (what: Step["what"], weight: number) => ({ weight, arbitrary: fc.constant(what) });

export const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    often("send", 12),
    often("other", 4),
    often("join", 2),
    often("leave", 2),
    often("switch", 2),
    often("deliver", 6),
    often("trimMailbox", 1),
    often("trimInbox", 1),
  ) as fc.Arbitrary<Step["what"]>,
  where: fc.nat(3),
  who: fc.nat(2),
  part: fc.nat(1_000),
});

export interface Scene {
  tiers: Tiers;
  traffic: Traffic;
  users: string[];
  conversations: Known[];
  /** Offset of the newest pointer. */
  offsetOf: (user: string) => Promise<number>;
}

/** Does a step; one that makes no sense now does nothing. */
export async function perform({ tiers, traffic, users, conversations, offsetOf }: Scene, { what, where, who, part }: Step): Promise<void> {
  const known = conversations[where % conversations.length] as Known;
  const user = users[who % users.length] as string;
  const inside = isIn(known, user);
  if (what === "send" && inside) await traffic.send(known, user);
  else if (what === "other" && inside) await traffic.send(known, user, "image");
  else if (what === "join" && !inside) await traffic.join(known, user);
  else if (what === "leave" && inside && users.filter((one) => isIn(known, one)).length > 1) await traffic.leave(known, user);
  else if (what === "switch") await traffic.switchMode(known);
  else if (what === "deliver") for (let i = 0; i < 4 && known.delivered < known.log.length; i++) await traffic.deliverNext(known);
  else if (what === "trimMailbox") await tiers.trimMailbox(known.id, Math.floor((known.log.length * part) / 1_000));
  else if (what === "trimInbox") await tiers.trimInbox(user, Math.floor(((await offsetOf(user)) * part) / 1_000));
}

let scenes = 0;

/** Conversations of three users, their ids made by clocks that disagree. */
export async function newScene(tiers: Tiers, traffic: Traffic, all = false): Promise<Scene> {
  const scene = ++scenes;
  const users = ["ann", "bob", "cy"].map((name) => `${name}${scene}`);
  const conversations: Known[] = [];
  for (let i = 0; i < 4; i++) {
    conversations.push(
      await traffic.create(`${scene * 10 + i + 1_000}`, users.slice(0, 1 + (i % 3)), { all: all && i % 2 === 0, lag: i * 2_000 }),
    );
  }
  const offsetOf = async (user: string) => (await hotPointers(tiers.hot, user, 1, 0)).offset;
  return { tiers, traffic, users, conversations, offsetOf };
}
