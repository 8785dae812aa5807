import { Refusal } from "#shared/wire/errors.ts";
import { eventJson } from "#shared/wire/entry.ts";
import type { Publication } from "#shared/wire/ports.ts";
import { MAX_ANSWER_BYTES } from "#shared/wire/values.ts";
import type { Entries } from "#shared/hot/entries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import { standings } from "#shared/hot/standings.ts";
import { userState } from "#shared/hot/users.ts";
import type { HistoryRequest, Outlet } from "./ports.ts";

const MOST = 1_000;

/** Publications of a user's inbox, from and to included, from every tier; null if some are nowhere. */
export type ReadInbox = (user: string, from: number, to: number) => Promise<Publication[] | null>;

/** A channel that may be read: its end, and where what the caller may read begins. */
interface Readable {
  epoch: string;
  /** Offsets above this may be read. */
  floor: number;
  end: number;
  read: (from: number, to: number) => Promise<Publication[] | null>;
}

/** Protocol `history`, and who may ask for a channel. */
export function createHistory(deps: {
  hot: Hot;
  entries: Entries;
  seatOf: (outlet: Outlet, conversationId: string) => boolean;
  readInbox: ReadInbox;
}) {
  const { hot, entries, seatOf, readInbox } = deps;

  async function readable(outlet: Outlet, channel: string): Promise<Readable> {
    const [kind, id = ""] = channel.split(/:(.*)/s);
    if (kind === "inbox") {
      if (id !== outlet.user) throw new Refusal(103);
      const state = await userState(hot, id);
      return { epoch: state.epoch, floor: 0, end: state.offset, read: (from, to) => readInbox(id, from, to) };
    }
    if (kind === "live") throw id === outlet.user ? new Refusal(108, "a live channel has no history", false) : new Refusal(103);
    if (kind !== "conversation" || !/^[1-9][0-9]{0,18}$/.test(id)) throw new Refusal(102);
    const [standing] = await standings(hot, outlet.user, [id]);
    if (standing?.member === undefined || standing.member === null) throw new Refusal(103);
    if (standing.kind === "f" || (!seatOf(outlet, id) && standing.mode === "w")) throw new Refusal(102);
    const floor = standing.historyAll ? 0 : standing.member.joinedSeq;
    return { epoch: standing.epoch, floor, end: standing.seq, read: (from, to) => readEntries(id, from, to) };
  }

  async function readEntries(conversationId: string, from: number, to: number): Promise<Publication[] | null> {
    const wanted = Array.from({ length: to - from + 1 }, (_, i) => ({ conversationId, seq: from + i }));
    const lookup = await entries.load(wanted);
    const found = wanted.flatMap(({ seq }) => lookup(conversationId, seq) ?? []);
    return found.length < wanted.length ? null : found.map((entry) => ({ offset: entry.seq, data: eventJson(entry) }));
  }

  async function read(outlet: Outlet, { channel, limit, since, reverse }: HistoryRequest): Promise<string> {
    const { epoch, floor, end, read: readRange } = await readable(outlet, channel);
    if (since !== undefined && since.epoch !== "" && since.epoch !== epoch) throw new Refusal(112);
    const many = limit < 0 ? MOST : Math.min(limit, MOST);
    let publications: Publication[] = [];
    if (many > 0) {
      const [from, to] = reverse
        ? [Math.max(floor + 1, (since?.offset ?? end + 1) - many), Math.min(end, (since?.offset ?? end + 1) - 1)]
        : [Math.max(floor, since?.offset ?? 0) + 1, Math.min(end, Math.max(floor, since?.offset ?? 0) + many)];
      const found = to >= from ? await readRange(from, to) : [];
      if (found === null) throw new Refusal(112);
      publications = fitting(reverse ? found.toReversed() : found);
    }
    const list = publications.map(({ offset, data }) => `{"data":${data},"offset":${offset}}`).join(",");
    return `{"publications":[${list}],"epoch":"${epoch}","offset":${end}}`;
  }

  /** Throws 102 or 103 where the caller may not ask. */
  async function mayWatch(outlet: Outlet, channel: string): Promise<void> {
    if (channel !== `live:${outlet.user}`) await readable(outlet, channel);
  }

  return {
    read,
    mayWatch,
    async holds(outlet: Outlet, channel: string): Promise<boolean> {
      await mayWatch(outlet, channel);
      return true;
    },
  };
}

function fitting(publications: Publication[]): Publication[] {
  let bytes = 0;
  const cut = publications.findIndex(({ data }) => (bytes += Buffer.byteLength(data) + 32) > MAX_ANSWER_BYTES);
  return cut < 0 ? publications : publications.slice(0, Math.max(1, cut));
}
