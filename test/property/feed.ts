import type { ConnectReply, Happening, Position, Publication, Push, SubResult } from "./wire.ts";

/** What all devices of a run report to. */
export interface Witness {
  /** Something that must never be. */
  fault: (what: string) => void;
  /** An entry as some device got it. */
  entry: (seen: Happening) => void;
  /** Newest seq of a conversation that anybody knows of by now. */
  head: (conversationId: string) => number;
  /** True of a feed, which is in no follower's list. */
  isFeed: (conversationId: string) => boolean;
}

export interface SyncPage {
  publications: { channel: string; offset: number; data: Happening }[];
  positions: Record<string, Position>;
  recovered: boolean;
  lost: string[];
  more: boolean;
}

/** What a connect asked to recover. `spoilt`: channels whose position was falsified on purpose, which may therefore be lost. */
export interface Asked {
  positions: Record<string, Position>;
  spoilt: ReadonlySet<string>;
}

const entryTypes = new Set(["message", "edit", "recall", "reaction", "member", "update", "mode"]);

/** Conversation and seq of an entry; null for events of one's own. */
export function placeOf(event: Happening): { id: string; seq: number } | null {
  if (!entryTypes.has(event.type)) return null;
  const { conversationId: id = "", seq = 0 } = event.message ?? event;
  return { id, seq };
}

/**
 * What one device holds: its positions, moved as SDKs move them, and all that it was given. It is as strict as an SDK, and checks at once what
 * can be checked at once: offsets follow each other, and the seqs of a conversation only rise, whatever channel they come by.
 */
export class Feed {
  readonly name: string;
  readonly user: string;
  readonly #witness: Witness;
  positions = new Map<string, Position>();
  /** Inbox publications by offset. */
  readonly inbox = new Map<number, Happening>();
  readonly seen = new Map<string, Set<number>>();
  /** Entries up to this seq are not asked of the device: it started, or lost its place, after them. */
  readonly forgiven = new Map<string, number>();
  /** Stays begun by this seq were over when the device lost its place. */
  readonly forgivenStays = new Map<string, number>();
  readonly #newest = new Map<string, number>();
  readonly #unlisted = new Set<string>();
  #batch: Happening[] | null = null;

  constructor(user: string, device: string, witness: Witness) {
    this.user = user;
    this.name = device;
    this.#witness = witness;
  }

  get inboxChannel(): string {
    return `inbox:${this.user}`;
  }

  #fault(what: string): void {
    this.#witness.fault(`${this.name}: ${what}`);
  }

  /** A connect reply. Its entries, and those of the pushes in its frame, are in order only after `settle`. Returns true if the inbox starts anew. */
  connected({ subs = {} }: ConnectReply, asked: Asked): boolean {
    this.#batch ??= [];
    if (subs[`live:${this.user}`] === undefined) this.#fault("the connect reply lacks its live channel");
    const anew = subs[this.inboxChannel]?.recovered !== true;
    const before = this.positions;
    this.positions = new Map();
    for (const [channel, sub] of Object.entries(subs)) {
      if (!channel.startsWith("live:")) this.#subscribed(channel, sub, asked, anew);
    }
    for (const channel of before.keys()) {
      if (!this.positions.has(channel) && channel in asked.positions && channel === this.inboxChannel) this.#fault(`${channel} is gone`);
    }
    return anew;
  }

  #subscribed(channel: string, sub: SubResult, asked: Asked, anew: boolean): void {
    const { epoch = "", offset = 0, recovered = false, was_recovering: tried = false, publications = [] } = sub;
    const from = asked.positions[channel];
    const spoilt = asked.spoilt.has(channel);
    if (sub.recoverable !== true || sub.data?.epoch !== epoch || sub.data.offset !== offset)
      this.#fault(`${channel}: result without position`);
    if (from !== undefined && !tried) this.#fault(`${channel}: a position was given, was_recovering is missing`);
    if (from !== undefined && !spoilt && !recovered) this.#fault(`${channel}: not recovered from ${from.epoch}/${from.offset}`);
    if (spoilt && recovered) this.#fault(`${channel}: recovered from a position in another epoch`);
    if (recovered && from !== undefined && offset !== from.offset)
      this.#fault(`${channel}: recovered from ${offset}, not from ${from.offset}`);
    if (!recovered && publications.length > 0) this.#fault(`${channel}: publications without recovered`);
    if (!tried && recovered) this.#fault(`${channel}: recovered without was_recovering`);
    if (from === undefined && !recovered && !anew) this.#fault(`${channel}: began after the inbox position, but is not recovered`);
    this.positions.set(channel, { epoch, offset });
    if (!recovered && channel !== this.inboxChannel) this.#forgive(channel.slice(channel.indexOf(":") + 1), offset);
    for (const publication of publications) this.#publication(channel, publication);
  }

  push({ channel, pub, subscribe, unsubscribe }: Push): void {
    if (channel.startsWith("live:")) return;
    if (subscribe !== undefined) {
      if (this.positions.has(channel)) this.#fault(`${channel}: subscribed while it is held`);
      this.positions.set(channel, { epoch: subscribe.epoch ?? "", offset: subscribe.offset ?? 0 });
    } else if (unsubscribe !== undefined) {
      if (!this.positions.delete(channel)) this.#fault(`${channel}: unsubscribed while it is not held`);
    } else if (pub !== undefined) this.#publication(channel, pub);
  }

  #publication(channel: string, { data, offset }: Publication): void {
    const position = this.positions.get(channel);
    if (position === undefined) {
      this.#fault(`${channel}: publication ${offset} while the channel is not held`);
      return;
    }
    if (offset !== position.offset + 1) this.#fault(`${channel}: publication ${offset} after ${position.offset}`);
    position.offset = offset ?? position.offset;
    this.#take(channel, position.offset, data);
  }

  /** A page of `timeline.sync`, whose entries are in order only after `settle`. Returns true if the inbox starts anew. */
  pulled(page: SyncPage, asked: Asked): boolean {
    this.#batch ??= [];
    const at = new Map(Object.entries(asked.positions).map(([channel, { offset }]) => [channel, offset]));
    for (const { channel, offset, data } of page.publications) {
      const before = at.get(channel);
      // A channel that ended and began again goes on at its new beginning.
      const follows = channel === this.inboxChannel ? offset === (before ?? 0) + 1 : before === undefined || offset > before;
      if (!follows) this.#fault(`sync: ${channel} gives ${offset} after ${before}`);
      at.set(channel, offset);
      this.#take(channel, offset, data);
    }
    for (const channel of page.lost) {
      if (!asked.spoilt.has(channel)) this.#fault(`sync: ${channel} is lost from ${asked.positions[channel]?.offset}`);
      if (channel !== this.inboxChannel) {
        const id = channel.slice(channel.indexOf(":") + 1);
        this.#forgive(id, page.positions[channel]?.offset ?? this.#witness.head(id));
      }
    }
    for (const channel of asked.spoilt)
      if (channel in asked.positions && !page.lost.includes(channel)) this.#fault(`sync: ${channel} is not lost`);
    if (page.recovered !== (page.lost.length === 0)) this.#fault("sync: recovered and lost contradict each other");
    for (const [channel, { offset }] of Object.entries(page.positions)) {
      const reached = at.get(channel);
      if (reached !== undefined && !page.lost.includes(channel) && offset < reached)
        this.#fault(`sync: ${channel} ends at ${offset}, gave ${reached}`);
    }
    this.positions = new Map(Object.entries(page.positions).map(([channel, position]) => [channel, { ...position }]));
    return page.lost.includes(this.inboxChannel) || asked.positions[this.inboxChannel] === undefined;
  }

  #take(channel: string, offset: number, data: Happening): void {
    if (channel === this.inboxChannel) {
      if (this.inbox.has(offset)) this.#fault(`inbox offset ${offset} comes twice`);
      this.inbox.set(offset, data);
    }
    const place = placeOf(data);
    if (place === null) return;
    if (channel !== this.inboxChannel && (channel !== `conversation:${place.id}` || offset !== place.seq)) {
      this.#fault(`${channel} gives seq ${place.seq} of ${place.id} at ${offset}`);
    }
    this.#witness.entry(data);
    if (this.#batch === null) this.#keep(place);
    else this.#batch.push(data);
  }

  /** What came in one connect reply, or in one walk of `timeline.sync`, is complete: within a conversation the seq orders it. */
  settle(): void {
    const places = (this.#batch ?? []).flatMap((data) => placeOf(data) ?? []);
    this.#batch = null;
    for (const place of places.toSorted((a, b) => a.seq - b.seq)) this.#keep(place);
  }

  #keep({ id, seq }: { id: string; seq: number }): void {
    const newest = this.#newest.get(id) ?? 0;
    const seen = this.seen.getOrInsertComputed(id, () => new Set());
    if (seen.has(seq)) this.#fault(`seq ${seq} of ${id} comes twice`);
    else if (seq < newest) this.#fault(`seq ${seq} of ${id} comes after ${newest}`);
    seen.add(seq);
    this.#newest.set(id, Math.max(newest, seq));
  }

  /** The inbox started anew: `listed` is what `conversation.list` said since, as seqs by conversation. */
  resync(listed: ReadonlyMap<string, number>, conversationIds: Iterable<string>): void {
    for (const id of conversationIds) {
      const seq = listed.get(id);
      if (seq === undefined) this.#unlisted.add(id);
      else this.#forgive(id, seq);
    }
  }

  /** Everything that was under way is answered, so that the heads known now include what was there when the device lost its place. */
  roundOver(): void {
    for (const id of this.#unlisted) {
      if (this.#witness.isFeed(id)) this.#forgive(id, this.#witness.head(id));
      else this.forgivenStays.set(id, this.#witness.head(id));
    }
    this.#unlisted.clear();
  }

  #forgive(id: string, seq: number): void {
    this.forgiven.set(id, Math.max(seq, this.forgiven.get(id) ?? 0));
  }
}
