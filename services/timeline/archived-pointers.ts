import type { InboxRow } from "#shared/cold/rows.ts";
import type { ColdStore } from "#shared/cold/store.ts";
import { letterOf } from "#shared/wire/entry.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { EventPointer, Pointer } from "#shared/wire/pointer.ts";
import type { ColdPointers } from "./missed.ts";

const letters = { joined: "J", left: "L", changed: "V" } as const;

/** Reads the pointer back that an inbox row was made of; what an event did stands in its JSON. */
export function pointerOf(row: InboxRow): Pointer {
  const { conversation_id: conversationId, seq, message_id: id, timeline_key: key, data } = row;
  if (seq > 0) return { letter: letterOf(row.type), conversationId, seq, count: 0, id, key };
  const { change, seq: at, delivery } = JSON.parse(data) as { change?: keyof typeof letters; seq?: number; delivery?: "read" | "write" };
  const letter: EventPointer["letter"] = row.type === "conversation" && change !== undefined ? letters[change] : "V";
  const mode = letter !== "J" ? "-" : delivery === "read" ? "r" : "w";
  return { letter, conversationId, seq: at ?? 0, at: row.at, mode, json: data };
}

/** Pointers of the archive, by offset ascending. */
export function coldPointers(cold: ColdStore): ColdPointers {
  return async (user, from, to, limit) => {
    try {
      const rows = await cold.inboxRange({ user, fromOffset: from, toOffset: to, limit });
      return rows.map((row) => ({ offset: row.offset, pointer: pointerOf(row) }));
    } catch {
      throw new Refusal(108, "the archive is away");
    }
  };
}
