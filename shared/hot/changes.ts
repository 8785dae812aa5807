import type { ConversationKind } from "#shared/wire/values.ts";
import { Refusal, type ErrorCode } from "#shared/wire/errors.ts";
import type { Ids } from "#shared/wire/ports.ts";
import { keys, partitionOf } from "./keys.ts";
import type { Hot } from "./redis.ts";
import type { ScriptName } from "./scripts.ts";
import { newEpoch } from "./users.ts";

/** What the scripts that change a conversation need around them. */
export interface Changing {
  hot: Hot;
  ids: Ids;
  fanoutWriteMax: number;
}

const outboxOf = (conversationId: string) => keys.outbox(partitionOf(conversationId));

/**
 * Runs a script that may write entries; `args` is given the message ids to use, and asked again with higher ones where those came too late.
 * @throws Refusal as the script says
 */
async function change(
  { hot, ids }: Changing,
  script: ScriptName,
  conversationId: string,
  scriptKeys: string[],
  args: (first: string, second: string) => (string | number)[],
): Promise<string[]> {
  for (let least = "0"; ;) {
    const first = least === "0" ? ids.next() : ids.nextAbove(least);
    const [outcome, detail = "", ...rest] = (await hot.run(
      script,
      [...scriptKeys, keys.operation(conversationId, first)],
      args(first, ids.nextAbove(first)),
    )) as string[];
    if (outcome === "ok") return detail === "" ? rest : [detail, ...rest];
    if (outcome === "refused") throw new Refusal(Number(detail) as ErrorCode);
    least = detail;
  }
}

const memberKeys = (id: string) => [keys.head(id), keys.mailbox(id), keys.order(id), keys.past(id), outboxOf(id), keys.leavers(id)];

/** Largest membership by way of joining; leaving has none. */
const LARGEST = { add: 100_000, join: 100_000, follow: 10_000_000, remove: 0, leave: 0 } as const;

/** Membership scripts take the same keys and arguments, and answer with the users they passed over. */
function membership(
  script: "join" | "leave",
): <Way extends keyof typeof LARGEST>(
  deps: Changing,
  conversationId: string,
  actor: string,
  way: Way,
  users: readonly string[],
) => Promise<string[]> {
  return (deps, conversationId, actor, way, users) =>
    change(deps, script, conversationId, memberKeys(conversationId), (first, second) => [
      conversationId,
      actor,
      way,
      first,
      second,
      deps.ids.timeOf(first),
      deps.fanoutWriteMax,
      LARGEST[way],
      ...users,
    ]);
}

/** Adds members ("add"), lets one in ("join"), or a follower ("follow"). Resolves to the users who were in already. Refuses with 103, 106, 107. */
export const join = membership("join");

/** Removes members ("remove"), or lets one go ("leave"). Resolves to the users who were not in. Refuses with 103, 107. */
export const leave = membership("leave");

/** One field of a head with its stored value and how an `update` entry shows it (JSON member). */
export type FieldChange = [field: "t" | "h" | "j" | "x", value: string, shown: string];

/** Changes what all members see, and one's own flags (bits). Refuses with 103, 107. */
export async function update(
  deps: Changing,
  conversationId: string,
  actor: string,
  fields: readonly FieldChange[],
  own: { set: number; clear: number },
): Promise<void> {
  await change(
    deps,
    "update",
    conversationId,
    [keys.head(conversationId), keys.mailbox(conversationId), outboxOf(conversationId)],
    (first) => [conversationId, actor, first, fields.length, ...fields.flat(), own.set, own.clear],
  );
}

/** Switches the mode by traffic; does nothing where the conversation is in that mode, or its size forbids it. */
export async function switchMode(deps: Changing, conversationId: string, mode: "r" | "w"): Promise<void> {
  await change(
    deps,
    "mode",
    conversationId,
    [keys.head(conversationId), keys.mailbox(conversationId), outboxOf(conversationId)],
    (first) => [conversationId, mode, first, deps.fanoutWriteMax],
  );
}

export interface NewConversation {
  id: string;
  kind: ConversationKind;
  creator: string;
  owner: string | null;
  /** Of a single: its pair, see `pairTitle`. */
  title: string;
  history: "joined" | "all";
  join: "invite" | "open";
  metaJson: string;
  /** The creator among them, unrepeated. */
  members: readonly string[];
}

const kindLetters = { single: "s", group: "g", feed: "f", service: "v" } as const satisfies Record<ConversationKind, string>;

/** Creates a conversation; one that is there already stays as it is. */
export async function create({ hot, fanoutWriteMax }: { hot: Hot; fanoutWriteMax: number }, made: NewConversation): Promise<void> {
  const { id } = made;
  await hot.run(
    "create",
    [keys.head(id), keys.order(id), outboxOf(id)],
    [
      id,
      kindLetters[made.kind],
      newEpoch(),
      Date.now(),
      made.owner ?? "",
      made.title,
      made.history.charAt(0),
      made.join.charAt(0),
      made.metaJson,
      made.creator,
      fanoutWriteMax,
      ...made.members,
    ],
  );
}

/**
 * Moves a read seq forward. `coldCount` gives a conversation's count at a seq that is no longer hot.
 * Refuses with 103 who is no member.
 */
export async function read(
  hot: Hot,
  conversationId: string,
  user: string,
  seq: number,
  coldCount: (conversationId: string, seq: number) => Promise<number>,
): Promise<{ readSeq: number; unread: number }> {
  const scriptKeys = [keys.head(conversationId), keys.mailbox(conversationId), outboxOf(conversationId)];
  for (let count = ""; ;) {
    const [outcome, a = "", b = ""] = (await hot.run("read", scriptKeys, [conversationId, user, seq, count])) as string[];
    if (outcome === "ok") return { readSeq: Number(a), unread: Number(b) };
    if (outcome === "refused") throw new Refusal(Number(a) as ErrorCode);
    count = String(await coldCount(conversationId, Number(a)));
  }
}
