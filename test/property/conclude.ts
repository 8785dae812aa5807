import { until } from "#test/support/until.ts";
import { checkDeliveries, fromTheBeginning, lacking } from "./deliveries.ts";
import type { Feed } from "./feed.ts";
import type { Device } from "./device.ts";
import type { Ledger, Room } from "./ledger.ts";
import { lookAtOne } from "./looks.ts";
import { replay, type Stay, type Told } from "./replay.ts";
import type { Person, Steps } from "./steps.ts";
import type { Happening } from "./wire.ts";

export interface Rules {
  /** Stays in a feed, by user. */
  staysOfFeed: (conversationId: string) => Promise<Map<string, Stay[]>>;
  fanoutWriteMax: number;
  /** True if the size alone decides on the mode, so that the oracle knows where it switches. */
  bySize: boolean;
}

/** What is delivered late is delivered within this, ms. */
const PATIENCE = 8_000;

/**
 * Traffic is over: a last message in every conversation shows where its end is, and that nothing comes twice before it. One more device of each
 * user pulls everything from the beginning, which tells all entries; then every device must come to hold what is owed to it.
 */
export async function conclude(people: Person[], steps: Steps, ledger: Ledger, rules: Rules): Promise<Map<string, Told>> {
  await Promise.all(ledger.rooms.map((room) => endOf(room, people, steps, ledger, rules)));
  ledger.roundOver();
  const feeds = ledger.rooms.filter(({ kind }) => kind === "feed");
  const followed: Followed = new Map();
  for (const { id } of feeds) followed.set(id, await rules.staysOfFeed(id));
  await Promise.all(feeds.map((room) => readFeed(room, people, ledger)));
  let whole: Feed[] = [];
  let told = new Map<string, Told>();
  const incomplete = (): string[] => [...holes(ledger), ...whole.flatMap((feed) => lacking({ user: feed.user, feed }, told))];
  await waitFor(ledger, incomplete, async () => {
    whole = await Promise.all(people.map((person) => fromTheBeginning(person, ledger)));
    told = replayAll(ledger, rules, followed, () => undefined);
  });
  const devices = people.flatMap((person) => person.devices);
  await waitFor(ledger, () => devices.flatMap((device) => lacking(device, told)));
  told = replayAll(ledger, rules, followed, (what) => ledger.fault(what));
  for (const [i, person] of people.entries()) checkDeliveries(person, whole[i] as Feed, ledger, told);
  return told;
}

/** Where traffic decides on the mode as well, the end is where the group or feed has gone to read mode: then the mode stays for a minute. */
async function endOf(room: Room, people: Person[], steps: Steps, ledger: Ledger, { bySize }: Rules): Promise<void> {
  const settled = bySize || room.kind === "single";
  const who = people.find(({ name }) => name === (room.kind === "group" ? people[0]?.name : room.creator)) as Person;
  const device = who.devices[0] as Device;
  let ends = 0;
  const over = async () => {
    await steps.sendOne(who.name, room.id, `end ${++ends} of ${room.id}`, "the end", null);
    return settled || (await lookAtOne(ledger, who.name, device.call, room.id))?.mode === "read";
  };
  await until(over, PATIENCE, () => `${room.id} does not go to read mode`).catch((thrown: Error) => ledger.fault(thrown.message));
}

async function waitFor(ledger: Ledger, missing: () => string[], look: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  const there = async () => {
    await look();
    return missing().length === 0;
  };
  await until(there, PATIENCE, () => missing().join("\n  ")).catch((thrown: Error) => ledger.fault(thrown.message));
}

/** Entries that are nowhere, up to the head that answers told. */
function holes(ledger: Ledger): string[] {
  return ledger.rooms.flatMap(({ id }) => {
    const absent: number[] = [];
    for (let seq = 1; seq <= ledger.head(id); seq++) if (ledger.entryAt(id, seq) === undefined) absent.push(seq);
    return absent.length === 0 ? [] : [`nobody has seqs ${absent.join(", ")} of ${id}`];
  });
}

type Followed = Map<string, Map<string, Stay[]>>;

/** What a feed posts in read mode comes to no device: the owner reads all of it. */
async function readFeed({ id, creator }: Room, people: Person[], ledger: Ledger): Promise<void> {
  const owner = people.find(({ name }) => name === creator) as Person;
  const { call } = owner.devices[0] as Device;
  for (let after = 0, more = true; more;) {
    const answer = await call("message.history", { conversationId: id, entries: true, after, limit: 200 });
    if (!("result" in answer)) throw new Error(`message.history of feed ${id}: ${JSON.stringify(answer)}`);
    const page = answer.result as { entries: Happening[]; last: number; more: boolean };
    for (const entry of page.entries) ledger.entry(entry);
    after = page.last;
    more = page.more;
  }
}

function replayAll(
  ledger: Ledger,
  { fanoutWriteMax: most, bySize }: Rules,
  followed: Followed,
  fault: (what: string) => void,
): Map<string, Told> {
  return new Map(
    ledger.rooms.map((room) => {
      const entries = Array.from({ length: ledger.head(room.id) }, (_, i) => ledger.entryAt(room.id, i + 1));
      const hole = entries.indexOf(undefined);
      const whole = entries.slice(0, hole < 0 ? entries.length : hole).flatMap((entry) => entry ?? []);
      return [room.id, replay(room, whole, { most, bySize, followed: followed.get(room.id) ?? new Map<string, Stay[]>() }, fault)];
    }),
  );
}
