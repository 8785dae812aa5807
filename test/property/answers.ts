import { isDeepStrictEqual } from "node:util";
import { until } from "#test/support/until.ts";
import type { Device } from "./device.ts";
import type { Ledger, Snapshot } from "./ledger.ts";
import { lookAtList, lookAtOne, lookAtUnread } from "./looks.ts";
import type { Told } from "./replay.ts";
import type { Person } from "./steps.ts";
import type { Conversation } from "./wire.ts";

/** Unread counts of others may be this late, ms. */
const LATE = 1_000;

/** Every conversation that any answer ever showed, as of its own seq; then what all users are answered now that traffic is over. */
export async function checkAnswers(people: readonly Person[], ledger: Ledger, told: ReadonlyMap<string, Told>): Promise<void> {
  for (const [id, { entries }] of told) {
    for (const { message } of entries) if (message !== undefined) ledger.raiseRead(message.from, id, message.seq);
  }
  await lookUpLost(people, ledger);
  await Promise.all(people.map((person) => checkFinal(person, ledger, told)));
  for (const snapshot of ledger.snapshots) {
    const conversation = told.get(snapshot.conversation.id);
    if (conversation !== undefined) for (const what of wrongIn(snapshot, conversation)) ledger.fault(what);
  }
}

/** What lost answers would have told: read seqs, which raise the floor of what is known, and muting. All else is known already. */
async function lookUpLost(people: readonly Person[], ledger: Ledger): Promise<void> {
  for (const { name, devices, muted } of people) {
    const unknown = ledger.rooms.filter(({ id }) => muted.get(id) === "unknown" || ledger.lostReads.has(`${name} ${id}`));
    for (const { id } of unknown) {
      const my = (await lookAtOne(ledger, name, (devices[0] as Device).call, id))?.my;
      if (my !== undefined && muted.get(id) === "unknown") muted.set(id, { on: my.muted, joinedSeq: my.joinedSeq });
    }
  }
}

/** What a conversation in an answer says that was not so at its seq. */
function wrongIn({ user, conversation, from, headFloor, readFloor }: Snapshot, told: Told): string[] {
  const { id, seq, count, mode, members, owner, my, last } = conversation;
  const wrong: string[] = [];
  const expect = (name: string, is: unknown, should: unknown) => {
    if (!isDeepStrictEqual(is, should))
      wrong.push(`${from} of ${user}, ${id} as of seq ${seq}: ${name} is ${JSON.stringify(is)}, not ${JSON.stringify(should)}`);
  };
  if (seq < headFloor || seq > told.head)
    wrong.push(`${from} of ${user}: ${id} is at seq ${seq}, and was at ${headFloor} before (now ${told.head})`);
  expect("count", count, told.countAt(seq));
  expect("mode", mode, told.modeAt(seq));
  const { room } = told;
  if (room.kind !== "feed") expect("members", members, told.membersAt(seq).length);
  expect("owner", owner, told.ownerAt(seq));
  const stay = told.stays(user).findLast(({ joined }) => joined <= seq);
  const inside = stay !== undefined && stay.left > seq;
  // Between two entries of a feed many may come and go, and come again.
  const passing = room.kind === "feed" && user !== room.creator;
  if (my === undefined) {
    if (!passing) expect("my", my, inside ? "there" : undefined);
    return wrong;
  }
  if (!passing) expect("joinedSeq", my.joinedSeq, inside ? stay.joined : "none");
  expect("role", my.role, told.ownerAt(seq) === user ? "owner" : "member");
  if (my.readSeq < readFloor) wrong.push(`${from} of ${user}: the read seq of ${id} goes back from ${readFloor} to ${my.readSeq}`);
  expect("unread", my.unread, Math.max(0, count - told.countAt(Math.max(my.readSeq, my.joinedSeq))));
  const newest = told.lastMessage(user, seq);
  expect("last", last, newest === 0 ? undefined : told.entries[newest - 1]?.message);
  return wrong;
}

/** What the oracle says of a user now. */
function expected(person: Person, ledger: Ledger, told: ReadonlyMap<string, Told>) {
  const unread = new Map<string, number>();
  let total = 0;
  for (const [id, { room, head, countAt, inside, stays }] of told) {
    if (!inside(person.name)) continue;
    const joined = stays(person.name).at(-1)?.joined ?? 0;
    const count = Math.max(0, countAt(head) - countAt(Math.max(ledger.readFloor(person.name, id), joined)));
    unread.set(id, count);
    if (room.kind !== "feed" && !mutedOf(person, id, joined)) total += count;
  }
  return { unread, total };
}

/** Muting ends with the stay it was done in. */
function mutedOf({ muted }: Person, id: string, joined: number): boolean {
  const last = muted.get(id);
  return last !== undefined && last !== "unknown" && last.joinedSeq === joined && last.on;
}

async function checkFinal(person: Person, ledger: Ledger, told: ReadonlyMap<string, Told>): Promise<void> {
  const { name, devices } = person;
  const { call } = devices[0] as Device;
  const should = expected(person, ledger, told);
  let found = await lookAtUnread(ledger, name, call);
  const agrees = () => found?.total === should.total;
  await until(
    async () => agrees() || ((found = await lookAtUnread(ledger, name, call)), agrees()),
    LATE,
    () => `unread.get of ${name} says ${JSON.stringify(found)}, it is ${should.total}: ${JSON.stringify([...should.unread])}`,
  ).catch((thrown: Error) => ledger.fault(thrown.message));
  for (const limit of [200, 2]) checkList(person, await lookAtList(ledger, name, call, limit), should, ledger, told);
  for (const [id, { room, inside }] of told) {
    const member = inside(name);
    const one = await lookAtOne(ledger, name, call, id);
    if ((one !== null) !== member)
      ledger.fault(`conversation.get of ${name}: ${id} is ${one === null ? "refused" : "given"}, member is ${member}`);
    if (one === null || one.my === undefined) continue;
    if (one.my.unread !== should.unread.get(id))
      ledger.fault(`conversation.get of ${name}: ${one.my.unread} unread in ${id}, it is ${should.unread.get(id)}`);
    if (one.my.readSeq !== ledger.readFloor(name, id))
      ledger.fault(`conversation.get of ${name}: read ${one.my.readSeq} of ${id}, it is ${ledger.readFloor(name, id)}`);
    const counted = one.my.muted || room.kind === "feed" ? 0 : one.my.unread;
    if ((found?.conversations[id] ?? 0) !== counted)
      ledger.fault(`unread.get of ${name}: ${found?.conversations[id]} in ${id}, it is ${counted}`);
    if (one.my.muted !== mutedOf(person, id, one.my.joinedSeq)) ledger.fault(`${name}: ${id} is muted: ${one.my.muted}`);
    await checkReadAnswer(name, call, one, should, ledger);
    await checkMembers(name, call, one, ledger, told);
  }
}

/** `message.read` of what is read already changes nothing, and answers as the others do. */
async function checkReadAnswer(
  name: string,
  call: Device["call"],
  { id, my }: Conversation,
  should: { total: number },
  ledger: Ledger,
): Promise<void> {
  const answer = await call("message.read", { conversationId: id, seq: 0 });
  const same = { readSeq: my?.readSeq, unread: my?.unread, total: should.total };
  if (!("result" in answer) || !isDeepStrictEqual(answer.result, same))
    ledger.fault(`message.read of ${name} in ${id}: ${JSON.stringify(answer)}, it is ${JSON.stringify(same)}`);
}

async function checkMembers(
  name: string,
  call: Device["call"],
  { id }: Conversation,
  ledger: Ledger,
  told: ReadonlyMap<string, Told>,
): Promise<void> {
  const conversation = told.get(id);
  const answer = await call("conversation.members", { conversationId: id, limit: 200 });
  const members = "result" in answer ? (answer.result as { members: { user: string }[] }).members.map(({ user }) => user) : [];
  const should = conversation?.membersAt(conversation.head) ?? [];
  if (!isDeepStrictEqual(members.toSorted(), should.toSorted()))
    ledger.fault(`conversation.members of ${name} in ${id}: ${members.join(" ")}, it is ${should.join(" ")}`);
}

type Should = ReturnType<typeof expected>;

/** A list at rest: exactly the user's conversations, by last activity, with one total on every page. */
function checkList(
  person: Person,
  list: Awaited<ReturnType<typeof lookAtList>>,
  should: Should,
  ledger: Ledger,
  told: ReadonlyMap<string, Told>,
): void {
  const { name } = person;
  if (list === null) {
    ledger.fault(`conversation.list of ${name} is refused`);
    return;
  }
  const { all, totals } = list;
  const ids = all.map(({ id }) => id);
  const listed = [...told.values()].flatMap(({ room, head, membersAt }) => (membersAt(head).includes(name) ? [room.id] : []));
  if (!isDeepStrictEqual(ids.toSorted(), listed.toSorted()))
    ledger.fault(`conversation.list of ${name} has ${ids.join(" ")}, not ${listed.join(" ")}`);
  const times = all.map(({ id, createdAt }) => {
    const last = told.get(id)?.entries.at(-1);
    return last?.message?.at ?? last?.at ?? createdAt;
  });
  if (times.some((at, i) => at > (times[i - 1] ?? Number.POSITIVE_INFINITY)))
    ledger.fault(`conversation.list of ${name} is not by last activity: ${times.join(" ")}`);
  if (totals.some((total) => total !== should.total))
    ledger.fault(`conversation.list of ${name}: totals ${totals.join(" ")}, it is ${should.total}`);
  for (const { id, kind, peer } of all) {
    const other = told.get(id)?.room.first.find((user) => user !== name);
    if (kind !== "single" || other === undefined) continue;
    if (peer?.user !== other || peer.readSeq !== ledger.readFloor(other, id))
      ledger.fault(`conversation.list of ${name}: peer ${JSON.stringify(peer)} of ${id}, it is ${other} at ${ledger.readFloor(other, id)}`);
  }
}
