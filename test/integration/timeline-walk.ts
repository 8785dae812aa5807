import { expect } from "vitest";
import { newestFirst } from "#services/timeline/mixer-merge.ts";
import { timelineRead } from "#services/timeline/read.ts";
import { jsonOf } from "#shared/wire/json.ts";
import type { Message } from "#shared/wire/values.ts";
import { stayed, type Known } from "./timeline-traffic.ts";
import type { Readers } from "./timeline-world.ts";

export interface Page {
  items: { source: string; key: string; message: Message }[];
  cursor: string | null;
}

export const reader = (readers: Readers, user: string) => {
  const handler = timelineRead(readers);
  return async (params: object): Promise<Page> => JSON.parse(jsonOf(await handler(params as never, { user, session: null }))) as Page;
};

export async function walk(
  read: (params: object) => Promise<Page>,
  params: object,
  between: () => Promise<void> = async () => {},
): Promise<Page["items"]> {
  const items: Page["items"] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await read({ ...params, cursor });
    items.push(...page.items);
    cursor = page.cursor;
    await between();
  } while (cursor !== null);
  return items;
}

export const named = (id: string, seq: number): string => `${id}:${seq}`;
export const namesOf = (items: Page["items"]): string[] => items.map(({ message }) => named(message.conversationId, message.seq));
export const expected = (conversations: readonly Known[], user: string, kind?: string): string[] =>
  conversations.flatMap((known) =>
    stayed(known, user)
      .filter((entry) => entry.letter === "m" && (kind === undefined || entry.kind === kind))
      .map(({ seq }) => named(known.id, seq)),
  );

export function expectOrdered(items: Page["items"]): void {
  const ranks = items.map(({ key, message }) => ({ key, conversationId: message.conversationId, seq: message.seq }));
  expect(ranks).toEqual(ranks.toSorted(newestFirst));
  for (const { key, message } of items) expect(BigInt(key)).toBeGreaterThanOrEqual(BigInt(message.id));
}
