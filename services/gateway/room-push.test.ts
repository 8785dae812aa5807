import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { createEntries } from "#shared/hot/entries.ts";
import { keys } from "#shared/hot/keys.ts";
import { startHot } from "#test/support/hot.ts";
import { createInboxPushing } from "./inbox-push.ts";
import { json } from "./json-encoding.ts";
import type { Outlet } from "./ports.ts";
import { startPositionChecks } from "./position-checks.ts";
import { createPreparing } from "./prepare.ts";
import { createRoomPushing } from "./room-push.ts";
import { Seating, Session } from "./seats.ts";

const CONVERSATION = "7";
/** Far more seats than are served at once. */
const SEATS = 3_000;

/** A reader and the lines they were given. */
interface Reader {
  session: Session;
  lines: string[];
}

/** As long as a write to a socket whose reader is woken by it. */
function busy(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

function sit(seating: Seating, name: string, write: () => void, otherwise: () => void = () => {}): Reader {
  const lines: string[] = [];
  const outlet: Outlet = {
    user: name,
    client: name,
    publish(_channel, dataJson, offset) {
      otherwise();
      lines.push(json.publication("", dataJson, offset) as string);
    },
    publishShared: (shared) => void lines.push(String(shared.in(json))),
    publishNow(shared) {
      write();
      lines.push(String(shared.in(json)));
    },
    subscribed() {},
    unsubscribed() {},
    close: otherwise,
  };
  const session = new Session(name, outlet, null);
  session.live = true;
  seating.enter(session);
  seating.sit(session, CONVERSATION, "abcd", 0);
  return { session, lines };
}

const offsetsOf = ({ lines }: Reader): number[] =>
  lines.flatMap((line) => Array.from(line.matchAll(/"offset":(\d+)/g), ([, n]) => Number(n)));

/** A room whose entries are at hand as soon as they are said. */
async function open(stack: AsyncDisposableStack) {
  const { hot, logger } = stack.use(await startHot());
  const entries = createEntries(hot, null);
  const seating = new Seating();
  const rooms = createRoomPushing({ hot, entries, seating, logger });
  const say = (seq: number): void => {
    entries.keep({ conversationId: CONVERSATION, seq, id: String(seq), count: seq, letter: "m", fields: `"clientMsgId":"n${seq}"` });
    expect(rooms.take([[CONVERSATION, seq, seq, 0]])).toBeNull();
  };
  return { hot, logger, entries, seating, rooms, say };
}

test("a big room gets all in order, swept in turns between which others have theirs, and what comes meanwhile in one frame", async () => {
  await using stack = new AsyncDisposableStack();
  const { seating, say } = await open(stack);
  const readers: Reader[] = [];
  // The first one's socket is cut when it is written to, and takes the next reader with it.
  const leave = () => [0, 1].forEach((at) => seating.exit((readers[at] as Reader).session));
  for (let n = 0; n < SEATS; n++) readers.push(sit(seating, `r${n}`, n === 0 ? leave : () => n % 100 === 0 && busy(1)));
  const last = readers.at(-1) as Reader;
  say(1);
  await turn();
  expect(offsetsOf(last)).toEqual([]);
  for (const seq of [2, 3, 4]) say(seq);
  let turns = 0;
  for (; offsetsOf(last).length < 4; turns++) await turn();
  for (const reader of readers.slice(2)) {
    expect(reader.lines).toHaveLength(2);
    expect(offsetsOf(reader)).toEqual([1, 2, 3, 4]);
  }
  expect(offsetsOf(readers[0] as Reader)).toEqual([1]);
  expect(offsetsOf(readers[1] as Reader)).toEqual([]);
  // Each sweep keeps the loop for 29 ms and more.
  expect(turns).toBeGreaterThan(15);
});

test("a busy small room gets what comes meanwhile in one frame, and who was caught up before it only the rest", async () => {
  await using stack = new AsyncDisposableStack();
  const { seating, rooms, say } = await open(stack);
  const [a, b, ahead] = [0, 1, 2].map((n) => sit(seating, `r${n}`, () => {})) as [Reader, Reader, Reader];
  const readers = [a, b, ahead];
  // However slow this machine is, no time passes until all is said.
  vi.useFakeTimers({ toFake: ["performance"] });
  stack.defer(() => void vi.useRealTimers());
  say(1);
  for (const { lines } of readers) expect(lines).toHaveLength(1);
  for (const seq of [2, 3, 4]) {
    say(seq);
    // Told again, as when a client sends again what was committed before.
    expect(rooms.take([[CONVERSATION, 1, 1, 0]])).toBeNull();
  }
  for (const { lines } of readers) expect(lines).toHaveLength(1);
  for (const seat of ahead.session.seats?.values() ?? []) seat.at = 3;
  await expect.poll(() => readers.map((reader) => offsetsOf(reader).at(-1))).toEqual([4, 4, 4]);
  for (const reader of [a, b]) {
    expect(reader.lines).toHaveLength(2);
    expect(offsetsOf(reader)).toEqual([1, 2, 3, 4]);
  }
  expect(offsetsOf(ahead)).toEqual([1, 4]);
});

test("seats of a big room that its sweep has yet to come to are not behind for a comparison of positions", async () => {
  await using stack = new AsyncDisposableStack();
  const { hot, logger, entries, seating, rooms, say } = await open(stack);
  const inboxes = createInboxPushing({ hot, entries, seating, preparing: createPreparing(hot, entries), logger });
  const checks = startPositionChecks({ hot, seating, inboxes, rooms, logger });
  // Only what is asked for below is compared.
  checks[Symbol.dispose]();
  await hot.redis.hset(keys.head(CONVERSATION), { s: 1, e: "abcd" });
  let otherwise = 0;
  const readers = Array.from({ length: SEATS }, (_, n) =>
    sit(
      seating,
      `r${n}`,
      () => n % 20 === 0 && busy(1),
      () => void otherwise++,
    ),
  );
  say(1);
  expect(await checks.checkRoom(CONVERSATION)).toBe(1);
  while (offsetsOf(readers.at(-1) as Reader).length === 0) await turn();
  expect(otherwise).toBe(0);
});
