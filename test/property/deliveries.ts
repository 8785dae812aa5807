import { isDeepStrictEqual } from "node:util";
import type { Device } from "./device.ts";
import { Feed, placeOf, type SyncPage } from "./feed.ts";
import type { Ledger } from "./ledger.ts";
import type { Told } from "./replay.ts";
import type { Person } from "./steps.ts";
import type { Happening } from "./wire.ts";

/** Entries of the user's stays that the device should hold and does not. */
export function lacking({ user, feed }: Pick<Device, "user" | "feed">, told: ReadonlyMap<string, Told>): string[] {
  const missing: string[] = [];
  for (const [id, { stays, head, delivered }] of told) {
    const seen = feed.seen.get(id);
    const absent: number[] = [];
    for (const { joined, left } of stays(user)) {
      if (feed.forgivenStays.has(id) && joined <= (feed.forgivenStays.get(id) ?? 0)) continue;
      const from = Math.max(joined, feed.forgiven.get(id) ?? 0) + 1;
      for (let seq = from; seq <= Math.min(left, head); seq++) if (seen?.has(seq) !== true && delivered(user, seq)) absent.push(seq);
    }
    if (absent.length > 0) missing.push(`${feed.name} lacks seqs ${absent.join(", ")} of ${id}`);
  }
  return missing;
}

/** Nothing outside of stays, the same at the same offset on every device, and what a user is told of conversations and of reading. */
export function checkDeliveries({ devices }: Person, whole: Feed, ledger: Ledger, told: ReadonlyMap<string, Told>): void {
  for (const { feed } of [...devices, { feed: whole }]) {
    checkNothingOutside(feed, ledger, told);
    for (const [offset, event] of feed.inbox) {
      const same = whole.inbox.get(offset);
      if (!isDeepStrictEqual(withoutTotal(event), withoutTotal(same))) {
        ledger.fault(
          `${feed.name} has at inbox offset ${offset} ${JSON.stringify(event)}, from the beginning it is ${JSON.stringify(same)}`,
        );
      }
    }
  }
  checkEvents(whole, ledger, told);
}

const withoutTotal = (event: Happening | undefined): object => ({ ...event, total: null });

/** A device that was never there before and has every event: pulled from offset 0 in small pages. */
export async function fromTheBeginning({ name: user, devices: [by] }: Person, ledger: Ledger): Promise<Feed> {
  const feed = new Feed(user, `${user} from the beginning`, ledger);
  let positions: SyncPage["positions"] = { [feed.inboxChannel]: { epoch: "", offset: 0 } };
  for (;;) {
    const asked = { positions, spoilt: new Set<string>() };
    const answer = await (by as Device).call("timeline.sync", { positions, limit: 11 });
    if (!("result" in answer)) throw new Error(`${feed.name}: ${JSON.stringify(answer)}`);
    const page = answer.result as SyncPage;
    feed.pulled(page, asked);
    positions = page.positions;
    if (!page.more) break;
  }
  feed.settle();
  return feed;
}

function checkNothingOutside(feed: Feed, ledger: Ledger, told: ReadonlyMap<string, Told>): void {
  for (const [id, seqs] of feed.seen) {
    const conversation = told.get(id);
    const outside = [...seqs].filter((seq) => conversation?.delivered(feed.user, seq) !== true);
    if (outside.length > 0)
      ledger.fault(
        `${feed.name} got seqs ${outside.join(", ")} of ${id}, outside of its stays ${JSON.stringify(conversation?.stays(feed.user))}`,
      );
  }
}

/** The user's own events in an inbox that is complete. */
function checkEvents(feed: Feed, ledger: Ledger, told: ReadonlyMap<string, Told>): void {
  const inside = new Map<string, boolean>();
  const read = new Map<string, number>();
  for (const [offset, event] of [...feed.inbox].toSorted(([a], [b]) => a - b)) {
    const where = `${feed.name} at inbox offset ${offset}`;
    const place = placeOf(event);
    const followed = place !== null && isFollowed(told.get(place.id), feed.user);
    if (place !== null && inside.get(place.id) !== true && !followed)
      ledger.fault(`${where}: an entry of ${place.id} before the event of being in it`);
    if (place !== null && event.message?.from === feed.user) read.set(place.id, Math.max(place.seq, read.get(place.id) ?? 0));
    if (event.type === "conversation" && event.conversation !== undefined) {
      // Who is out again by the time of the event is told of it without `my`, and gets the entries of the stay all the same.
      inside.set(event.conversation.id, event.conversation.my !== undefined || event.change === "joined");
    }
    if (event.type === "read") checkRead(event, where, read, feed.user, ledger, told);
  }
  for (const [id, conversation] of told) {
    const { room, membersAt, head } = conversation;
    const member = membersAt(head).includes(feed.user);
    // Following a feed is told by the answer alone.
    if (isFollowed(conversation, feed.user)) continue;
    if ((inside.get(id) ?? false) !== member)
      ledger.fault(`${feed.name}: its events say ${inside.get(id)} of being in ${id} (${room.kind}), it is ${member}`);
  }
}

function checkRead(
  event: Happening,
  where: string,
  read: Map<string, number>,
  user: string,
  ledger: Ledger,
  told: ReadonlyMap<string, Told>,
): void {
  const { conversationId: id = "", readSeq = 0, count = 0, unread = 0 } = event;
  const conversation = told.get(id);
  if (conversation === undefined) return;
  const { stays, countAt, head } = conversation;
  if (readSeq <= (read.get(id) ?? 0)) ledger.fault(`${where}: read of ${id} goes from ${read.get(id)} to ${readSeq}`);
  read.set(id, readSeq);
  const bases = [readSeq, ...stays(user).map(({ joined }) => Math.max(joined, readSeq))].map(countAt);
  // A stay in a feed that nothing was posted in is not known of any more.
  const possible = isFollowed(conversation, user) ? count >= Math.min(...bases) && count <= countAt(head) : bases.includes(count);
  if (!possible) ledger.fault(`${where}: read of ${id} to ${readSeq} has count ${count}, not one of ${bases.join(", ")}`);
  if (unread < 0 || unread > countAt(head) - Math.min(...bases))
    ledger.fault(`${where}: read of ${id} to ${readSeq} leaves ${unread} unread`);
}

const isFollowed = (conversation: Told | undefined, user: string): boolean =>
  conversation?.room.kind === "feed" && conversation.room.creator !== user;
