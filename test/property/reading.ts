import { isDeepStrictEqual } from "node:util";
import type { Device } from "./device.ts";
import { placeOf } from "./feed.ts";
import type { Ledger } from "./ledger.ts";
import type { Told } from "./replay.ts";
import type { Person } from "./steps.ts";
import type { Happening, Message } from "./wire.ts";

interface Page {
  messages?: Message[];
  entries?: Happening[];
  first: number;
  last: number;
  more: boolean;
}

/** What a user reads page by page, in both directions and over all conversations, is what the contract lets them read, once each. */
export async function checkReading(person: Person, ledger: Ledger, told: ReadonlyMap<string, Told>): Promise<void> {
  for (const conversation of told.values()) await checkHistory(person, conversation, ledger);
  await checkTimeline(person, ledger, told);
}

async function checkHistory({ name, devices }: Person, conversation: Told, ledger: Ledger): Promise<void> {
  const { room, entries, stays, holds, inside } = conversation;
  const { call } = devices[0] as Device;
  const where = `message.history of ${name} in ${room.id}`;
  if (stays(name).length === 0) {
    const answer = await call("message.history", { conversationId: room.id });
    if (!("error" in answer) || answer.error.code !== 103) ledger.fault(`${where}: an outsider gets ${JSON.stringify(answer)}`);
    return;
  }
  // Whether a former member of a conversation open to all that was before keeps what was before their stays, the contract does not say.
  const open = room.all && !inside(name);
  const mayRead = (seq: number) => holds(name, seq) || room.all;
  const readable = entries.filter((_, i) => (open ? holds(name, i + 1) : mayRead(i + 1)));
  const given = (await walk(call, { conversationId: room.id, entries: true, after: 0, limit: 7 }, "after", where, ledger)).flatMap(
    (page) => page.entries ?? [],
  );
  const compared = open ? given.filter((entry) => holds(name, placeOf(entry)?.seq ?? 0)) : given;
  if (open && given.some((entry) => (placeOf(entry)?.seq ?? 0) > (stays(name).at(-1)?.left ?? 0)))
    ledger.fault(`${where}: entries after the last stay`);
  if (!isDeepStrictEqual(compared, readable)) ledger.fault(`${where}: entries ${seqsOf(compared)}, readable are ${seqsOf(readable)}`);
  const newest = (await walk(call, { conversationId: room.id, limit: 3 }, "before", where, ledger))
    .toReversed()
    .flatMap((page) => page.messages ?? []);
  const messages = open ? newest.filter(({ seq }) => holds(name, seq)) : newest;
  const should = readable.flatMap(({ message }) => message ?? []);
  if (!isDeepStrictEqual(messages, should))
    ledger.fault(`${where}: messages ${messages.map(({ seq }) => seq).join(" ")}, readable are ${should.map(({ seq }) => seq).join(" ")}`);
}

const seqsOf = (entries: readonly Happening[]): string => entries.map((entry) => placeOf(entry)?.seq).join(" ");

/** All pages of a walk; they must end, and cover what they say. */
async function walk(call: Device["call"], params: object, way: "before" | "after", where: string, ledger: Ledger): Promise<Page[]> {
  const pages: Page[] = [];
  let bound: object = {};
  for (;;) {
    const answer = await call("message.history", { ...params, ...bound });
    if (!("result" in answer)) {
      ledger.fault(`${where}: ${JSON.stringify(answer)}`);
      return pages;
    }
    const page = answer.result as Page;
    pages.push(page);
    const seqs = [...(page.messages ?? []), ...(page.entries ?? [])].map((one) => ("id" in one ? one.seq : (placeOf(one)?.seq ?? 0)));
    if (seqs.some((seq) => seq < page.first || seq > page.last))
      ledger.fault(`${where}: a page of ${seqs.join(" ")} says ${page.first} to ${page.last}`);
    if (!page.more) return pages;
    if (page.first === 0 || pages.length > 200) {
      ledger.fault(`${where}: more, but nowhere to go on`);
      return pages;
    }
    bound = way === "before" ? { before: page.first } : { after: page.last };
  }
}

interface Item {
  source: string;
  key: string;
  message: Message;
}

async function checkTimeline({ name, devices }: Person, ledger: Ledger, told: ReadonlyMap<string, Told>): Promise<void> {
  const { call } = devices[0] as Device;
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const answer = await call("timeline.read", { limit: 5, cursor });
    if (!("result" in answer)) {
      ledger.fault(`timeline.read of ${name}: ${JSON.stringify(answer)}`);
      return;
    }
    const page = answer.result as { items: Item[]; cursor: string | null };
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== null && items.length < 5_000);
  // Two messages may have one key: a raised one may meet the id of another.
  if (items.some(({ key }, i) => i > 0 && BigInt(key) > BigInt(items[i - 1]?.key ?? "0"))) {
    ledger.fault(`timeline.read of ${name}: keys rise: ${items.map(({ key }) => key).join(" ")}`);
  }
  const placed = (message: Message) => `${message.conversationId} ${message.seq}`;
  const given = items.map(({ message }) => placed(message)).toSorted();
  const should = [...told.values()].flatMap(({ entries, holds }) =>
    entries.flatMap(({ message }) => (message !== undefined && holds(name, message.seq) ? message : [])),
  );
  if (!isDeepStrictEqual(given, should.map(placed).toSorted()))
    ledger.fault(`timeline.read of ${name}: gives ${given.join(", ")}, of the stays are ${should.map(placed).join(", ")}`);
  for (const { message } of items) {
    const same = told.get(message.conversationId)?.entries[message.seq - 1]?.message;
    if (!isDeepStrictEqual(message, same))
      ledger.fault(`timeline.read of ${name}: ${JSON.stringify(message)}, it is ${JSON.stringify(same)}`);
  }
}
