import { gathered } from "#shared/run/gather.ts";
import { keys } from "./keys.ts";
import type { Hot } from "./redis.ts";
import { spread } from "./spread.ts";

/** Most members of a conversation whose messages a commit copies itself: so few that those who wait for it do not notice. */
const MOST_MEMBERS = 16;
/** Conversations asked for at once. */
const MOST_ASKED = 200;
/** Conversations kept at hand, per generation of two. */
const GENERATION = 50_000;

/** Who a message of a conversation is copied to. */
export interface Recipients {
  /** "ordinal members", which is another with every change of who belongs to it; "" where the conversation is not one that a commit copies. */
  membership: string;
  users: readonly string[];
}

/** The members of small conversations, at hand for the commit, which looks whether they are still the same. */
export interface RecipientsAtHand {
  /** null where they are not at hand; then they soon are. */
  peek(conversationId: string): Recipients | null;
  /** @throws Refusal 108 when Redis is away */
  load(conversationId: string): Promise<Recipients>;
  forget(conversationId: string): void;
}

export function createRecipients(hot: Hot): RecipientsAtHand {
  let young = new Map<string, Recipients>();
  let old = new Map<string, Recipients>();
  const asked = new Set<string>();
  const read = gathered(async (ids: string[]): Promise<Recipients[]> => {
    const touched = ids.flatMap((id) => [keys.head(id), keys.order(id)]);
    const rows = await spread<string>(hot, "recipients", { keys: touched, each: 2, args: [MOST_MEMBERS] });
    return rows.map(recipientsOf);
  }, MOST_ASKED);

  function keep(conversationId: string, recipients: Recipients): Recipients {
    if (young.size >= GENERATION) {
      old = young;
      young = new Map();
    }
    young.set(conversationId, recipients);
    return recipients;
  }

  const load = async (conversationId: string): Promise<Recipients> => keep(conversationId, await read(conversationId));

  return {
    load,
    peek(conversationId) {
      const known = young.get(conversationId);
      if (known !== undefined) return known;
      const older = old.get(conversationId);
      if (older !== undefined) return keep(conversationId, older);
      if (asked.has(conversationId)) return null;
      asked.add(conversationId);
      load(conversationId)
        // Who is not known is left to the fan-out, and asked for again with the next message.
        .catch(() => undefined)
        .finally(() => asked.delete(conversationId));
      return null;
    },
    forget(conversationId) {
      young.delete(conversationId);
      old.delete(conversationId);
    },
  };
}

function recipientsOf(row: string): Recipients {
  const [ordinal, members, ...users] = row.split(" ");
  return members === undefined ? { membership: "", users: [] } : { membership: `${ordinal} ${members}`, users };
}
