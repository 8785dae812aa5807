import { Feed, type Asked, type SyncPage, type Witness } from "./feed.ts";
import { openWire, type Answer, type Conversation, type Position, type Reply, type Wire } from "./wire.ts";

/**
 * How a device comes back: `fresh` without positions, `stored` with connect.data.positions as an app kept them, `sdk` with connect.subs (and stale
 * stored ones beside them, which must not count), `any epoch` the same without epochs, `spoilt` with a position of its inbox or of a conversation
 * in an epoch that never was.
 */
export const homecomings = ["fresh", "stored", "sdk", "any epoch", "spoilt inbox", "spoilt conversation"] as const;
export type Homecoming = (typeof homecomings)[number];

export interface Device {
  readonly name: string;
  readonly user: string;
  readonly feed: Feed;
  /** True if it only hears that something is new, and pulls. */
  readonly quiet: boolean;
  online: () => boolean;
  connect: (how: Homecoming) => Promise<void>;
  away: () => void;
  /** Pulls with `timeline.sync` until nothing is left, or for so many pages. For devices that are away, and quiet ones. */
  pull: (limit: number, pages: number) => Promise<void>;
  /** A call over the socket, or over HTTP while there is none. */
  call: (method: string, params: object) => Promise<Answer>;
}

export interface Surroundings {
  witness: Witness;
  socketUrl: string;
  token: string;
  post: (user: string, method: string, params: object) => Promise<Answer>;
  /** All conversations of the run, by id. */
  conversationIds: () => Iterable<string>;
  /** Connections that the server ended. */
  closed: (device: string, code: number) => void;
}

export function createDevice(user: string, name: string, quiet: boolean, around: Surroundings): Device {
  const { witness } = around;
  const feed = new Feed(user, name, witness);
  let wire: Wire | null = null;
  /** What an app stored once and never again. */
  let stale: Record<string, Position> = {};
  let pulling: Promise<void> | null = null;
  let news = false;
  /** Connecting and pulling by command take turns. */
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    turn = turn.catch(() => undefined).then(work);
    return turn;
  };

  const held = (): Record<string, Position> => Object.fromEntries([...feed.positions].map(([channel, at]) => [channel, { ...at }]));

  function spoil(positions: Record<string, Position>, which: "inbox" | "conversation"): Asked {
    const channel = Object.keys(positions).find((one) => one.startsWith(which));
    const position = channel === undefined ? undefined : positions[channel];
    if (channel === undefined || position === undefined) return { positions, spoilt: new Set() };
    return { positions: { ...positions, [channel]: { ...position, epoch: "never1was" } }, spoilt: new Set([channel]) };
  }

  function askFor(how: Homecoming): { asked: Asked; fields: object } {
    const positions = held();
    const none: Asked = { positions: {}, spoilt: new Set() };
    if (quiet) return { asked: none, fields: { data: { push: "notify" } } };
    if (how === "fresh" || Object.keys(positions).length === 0) return { asked: none, fields: {} };
    if (how === "stored") return { asked: { positions, spoilt: new Set() }, fields: { data: { positions } } };
    if (how === "sdk" || how === "any epoch") {
      const subs = Object.fromEntries(
        Object.entries(positions).map(([channel, { epoch, offset }]) => [
          channel,
          { recover: true, ...(how === "sdk" ? { epoch } : {}), ...(offset === 0 ? {} : { offset }) },
        ]),
      );
      return { asked: { positions, spoilt: new Set() }, fields: { subs: { ...subs, [`live:${user}`]: {} }, data: { positions: stale } } };
    }
    const asked = spoil(positions, how === "spoilt inbox" ? "inbox" : "conversation");
    return { asked, fields: { data: { positions: asked.positions } } };
  }

  async function connect(how: Homecoming): Promise<void> {
    if (wire !== null) return;
    const { asked, fields } = askFor(how);
    let anew = false;
    const mine = await openWire(
      around.socketUrl,
      { token: around.token, ...fields },
      {
        frame: (replies) => {
          anew = handle(replies, asked) || anew;
        },
        closed(code) {
          if (wire !== mine) return;
          wire = null;
          around.closed(name, code);
        },
      },
    );
    wire = mine;
    if (quiet) await catchUp(7);
    else if (anew) await resync();
    if (Object.keys(stale).length === 0) stale = held();
  }

  /** True if the inbox starts anew. */
  function handle(replies: Reply[], asked: Asked): boolean {
    let anew = false;
    let settling = false;
    for (const { connect: reply, push } of replies) {
      if (reply !== undefined && !quiet) {
        settling = true;
        anew = feed.connected(reply, asked);
      }
      if (push === undefined) continue;
      if (!quiet) feed.push(push);
      else if (push.channel !== `live:${user}`) witness.fault(`${name}: a quiet device is pushed ${push.channel}`);
      else if (push.pub?.data.type === "notify") void catchUp(50);
    }
    if (settling) feed.settle();
    return anew;
  }

  async function resync(): Promise<void> {
    const listed = new Map<string, number>();
    let cursor: string | null = null;
    do {
      const answer = await call("conversation.list", { limit: 50, ...(cursor === null ? {} : { cursor }) });
      if (!("result" in answer)) throw new Error(`${name}: conversation.list: ${JSON.stringify(answer)}`);
      const page = answer.result as { conversations: Conversation[]; cursor: string | null };
      for (const { id, seq } of page.conversations) listed.set(id, seq);
      cursor = page.cursor;
    } while (cursor !== null);
    feed.resync(listed, around.conversationIds());
  }

  /** Pulls until nothing is new, one walk at a time. */
  function catchUp(limit: number): Promise<void> {
    news = true;
    pulling ??= (async () => {
      while (news) {
        news = false;
        await walk(limit, Number.POSITIVE_INFINITY);
      }
    })().finally(() => {
      pulling = null;
    });
    return pulling;
  }

  async function walk(limit: number, pages: number): Promise<void> {
    for (let page = 0; page < pages; page++) {
      const asked: Asked = { positions: held(), spoilt: new Set() };
      const answer = await call("timeline.sync", { positions: asked.positions, limit });
      if ("lost" in answer) return;
      if (!("result" in answer)) throw new Error(`${name}: timeline.sync: ${JSON.stringify(answer)}`);
      const result = answer.result as SyncPage;
      if (feed.pulled(result, asked)) await resync();
      if (!result.more) {
        feed.settle();
        return;
      }
    }
  }

  async function call(method: string, params: object): Promise<Answer> {
    return wire === null ? around.post(user, method, params) : wire.call(method, params);
  }

  return {
    name,
    user,
    feed,
    quiet,
    online: () => wire !== null,
    connect: (how) => inTurn(() => connect(how)),
    away() {
      wire?.cut();
      wire = null;
    },
    pull: (limit, pages) =>
      inTurn(async () => {
        if (quiet) await catchUp(limit);
        else if (wire === null) await walk(limit, pages);
      }),
    call,
  };
}
