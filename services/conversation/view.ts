import { Refusal } from "#shared/wire/errors.ts";
import type { Conversation } from "#shared/wire/values.ts";
import { views, type View } from "#shared/hot/conversations.ts";
import type { Deps } from "./deps.ts";
import { present } from "./list.ts";

/** The conversation as a member sees it. Refuses with 103 who is none, the same for conversations that do not exist. */
export async function viewOf({ hot }: Pick<Deps, "hot">, conversationId: string, user: string): Promise<View> {
  const [view] = await views(hot, user, [conversationId]);
  if (view === null || view === undefined || view.member === null) throw new Refusal(103);
  return view;
}

/** The same as JSON text, with the newest message. */
export async function shownJson(deps: Deps, conversationId: string, user: string): Promise<string> {
  return present(deps, user, await viewOf(deps, conversationId, user));
}

/** The same as its object on the wire. */
export async function shown(deps: Deps, conversationId: string, user: string): Promise<Conversation> {
  return JSON.parse(await shownJson(deps, conversationId, user)) as Conversation;
}

/** Waits until the change has reached the inboxes, so that what the caller asks next includes it; a slow fan-out delays no answer for long. */
export async function settled({ fanoutCaughtUp }: Deps): Promise<void> {
  await fanoutCaughtUp().catch(() => undefined);
}
