import { array, assert, integer, property, record } from "fast-check";
import { expect, test } from "vitest";
import type { Stay } from "#shared/hot/member.ts";
import type { Standing } from "#shared/hot/standings.ts";
import type { InboxRecord } from "#shared/hot/users.ts";
import { channel, endOf, owed, type Channel } from "./channels.ts";

const END = Number.POSITIVE_INFINITY;
type Event = "message" | "toRead" | "toWrite" | "in" | "out";

/** A conversation told event by event, one user's membership and the mode in it; entry seq = place in the list + 1. */
interface Story {
  events: Event[];
  modes: ("w" | "r")[];
  stays: Stay[];
  readIntervals: Stay[];
}

/** Turns wishes into events that can happen: no switch into the mode that is there, nobody comes twice. */
function storyOf(wishes: readonly number[], startsReading: boolean): Story {
  const story: Story = {
    events: [],
    modes: [],
    stays: [{ joined: 0, left: END }],
    readIntervals: startsReading ? [{ joined: 0, left: END }] : [],
  };
  let mode: "w" | "r" = startsReading ? "r" : "w";
  for (const wish of wishes) {
    const seq = story.events.length + 1;
    const stay = story.stays.at(-1);
    const isIn = stay?.left === END;
    // The mode entry itself is delivered in the old mode.
    story.modes.push(mode);
    if (wish === 0) {
      story.events.push(mode === "w" ? "toRead" : "toWrite");
      if (mode === "w") story.readIntervals.push({ joined: seq, left: END });
      else (story.readIntervals.at(-1) as Stay).left = seq;
      mode = mode === "w" ? "r" : "w";
    } else if (wish === 1) {
      story.events.push(isIn ? "out" : "in");
      if (isIn) (stay as Stay).left = seq;
      else story.stays.push({ joined: seq, left: END });
    } else {
      story.events.push("message");
    }
  }
  return story;
}

/** What the user's inbox knows when it has worked the events up to `to`: the record that deliver.lua keeps. */
function recordAt({ events, modes }: Story, startsReading: boolean, to: number): InboxRecord {
  const record: InboxRecord = {
    conversationId: "7",
    state: "active",
    last: 0,
    joined: 0,
    readBegin: startsReading ? 0 : -1,
    readOffset: 1,
    everRead: startsReading,
    ordinal: "0",
  };
  for (let seq = 1; seq <= to; seq++) {
    const event = events[seq - 1];
    const reading = modes[seq - 1] === "r";
    const isIn = record.state === "active";
    if (event === "in")
      Object.assign(record, {
        state: "active",
        last: seq,
        joined: seq,
        readBegin: reading ? seq : -1,
        everRead: record.everRead || reading,
      });
    else if (!isIn) continue;
    else if (event === "toRead") Object.assign(record, { last: seq, readBegin: seq, everRead: true });
    else if (event === "toWrite") Object.assign(record, { last: seq, readBegin: -1 });
    else if (event === "out") Object.assign(record, { state: "former", last: seq, readBegin: -1 });
    else if (!reading) record.last = seq;
  }
  return record;
}

const textOf = (stays: readonly Stay[]) => `${stays.map(({ joined, left }) => `${joined}-${left}`).join(",")};0`;

function build(story: Story, record: InboxRecord): Channel {
  const last = story.stays.at(-1) as Stay;
  const present = last.left === END;
  const member = {
    role: "member" as const,
    joinedSeq: last.joined,
    joinedAt: 0,
    readSeq: 0,
    base: 0,
    muted: false,
    pinned: false,
    markedUnread: false,
  };
  const standing: Standing = {
    conversationId: "7",
    seq: story.events.length,
    count: 0,
    lastId: "1",
    mode: "w",
    kind: "g",
    newest: 0,
    base: 0,
    createdAt: 0,
    members: 2,
    member: present ? member : null,
    readIntervals: story.readIntervals,
    epoch: "abcd",
    historyAll: false,
  };
  return channel(record, standing, textOf(present ? story.stays.slice(0, -1) : story.stays));
}

const wishes = record({
  list: array(integer({ min: 0, max: 5 }), { maxLength: 30 }),
  reading: integer({ min: 0, max: 1 }),
  lag: integer({ min: 0, max: 30 }),
});
const seqsOf = (intervals: readonly Stay[]): number[] =>
  intervals.flatMap(({ joined, left }) => Array.from({ length: left - joined }, (_, i) => joined + 1 + i));

test("when the inbox knows all, the channel holds exactly the entries of one's stays that were delivered in read mode", () => {
  assert(
    property(wishes, ({ list, reading }) => {
      const story = storyOf(list, reading === 1);
      const built = build(story, recordAt(story, reading === 1, list.length));
      const expected = story.events.flatMap((_, i) => {
        const seq = i + 1;
        return story.modes[i] === "r" && story.stays.some(({ joined, left }) => joined < seq && seq <= left) ? [seq] : [];
      });
      expect(seqsOf(built.intervals)).toEqual(expected);
      const last = story.stays.at(-1) as Stay;
      expect(built.open).toBe(last.left === END && (story.readIntervals.at(-1)?.left ?? 0) === END);
    }),
    { numRuns: 2_000 },
  );
});

test("while the inbox lags behind, the channel gives no entry twice and none that the inbox will still bring", () => {
  assert(
    property(wishes, ({ list, reading, lag }) => {
      const story = storyOf(list, reading === 1);
      const known = Math.max(0, list.length - lag);
      const record = recordAt(story, reading === 1, known);
      const built = build(story, record);
      const seqs = seqsOf(built.intervals);
      expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
      for (const seq of seqs) expect(story.modes[seq - 1]).toBe("r");
      const missing = story.events.flatMap((_, i) => {
        const seq = i + 1;
        const own = story.modes[i] === "r" && story.stays.some(({ joined, left }) => joined < seq && seq <= left);
        return own && seq <= known && !seqs.includes(seq) ? [seq] : [];
      });
      expect(missing).toEqual([]);
      const lasts = (list: readonly Stay[]) => list.some(({ joined, left }) => left === END && joined <= record.readBegin);
      expect(built.over).toBe(built.open && !(lasts(story.stays) && lasts(story.readIntervals)));
    }),
    { numRuns: 2_000 },
  );
});

test("a reader at a position is owed the rest of its interval and all of the later ones", () => {
  const intervals = array(record({ pause: integer({ min: 1, max: 4 }), length: integer({ min: 0, max: 5 }) }), { maxLength: 5 }).map(
    (steps) => {
      let at = 0;
      return steps.map(({ pause, length }): Stay => ({ joined: (at += pause), left: (at += length) }));
    },
  );
  assert(
    property(intervals, integer({ min: 0, max: 50 }), (list, position) => {
      const built = { conversationId: "7", epoch: "abcd", intervals: list, open: true, over: false };
      const pieces = owed(built, position);
      const inside = list.some(({ joined, left }) => joined <= position && position <= left);
      expect(pieces !== null).toBe(inside);
      if (pieces === null) return;
      const given = pieces.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + 1 + i));
      expect(given).toEqual(seqsOf(list).filter((seq) => seq > position));
      expect(pieces.map(({ from }) => from)).toEqual(
        [position, ...list.filter(({ joined }) => joined > position).map(({ joined }) => joined)].slice(0, pieces.length),
      );
      expect(endOf(built)).toBe(list.at(-1)?.left);
    }),
    { numRuns: 1_000 },
  );
});

test("a fresh reader of a channel that never was starts at 0", () => {
  const never = { conversationId: "7", epoch: "abcd", intervals: [], open: false, over: false };
  expect(endOf(never)).toBe(0);
});
