import { addPush, callOf, deliverOps, type InboxOp, type Recipient } from "#shared/hot/deliveries.ts";
import type { Hot } from "#shared/hot/redis.ts";
import type { PushBatch } from "#shared/wire/record.ts";

/** Users in one script: a few milliseconds of Redis, so that others wait no longer. */
const MOST_USERS = 400;
/** Pointers of one op: what a script puts into one inbox at once. */
const MOST_POINTERS = 1_000;

/** A step of an inbox that did not fit: entries before it are missing there. */
export interface Gap {
  user: string;
  op: InboxOp;
}

/** An entry on its way to inboxes. */
export interface PlannedEntry {
  conversationId: string;
  seq: number;
  /** Message id. */
  id: string;
  pointer: string;
}

/** The op of the `mode` entry that ends write mode. */
export const switchOp = ({ conversationId, seq, id, pointer }: PlannedEntry): InboxOp => ({
  letter: "B",
  conversationId,
  seq,
  extra: `${id} ${id}`,
  pointers: [pointer],
});

/** What one batch of records means for inboxes and rooms, in order. */
export class Plan {
  readonly #ops: InboxOp[] = [];
  readonly #byUser = new Map<string, number[]>();
  readonly rooms: PushBatch["rooms"] = [];
  /** What the commits of entries have handed over themselves. */
  readonly handed = { copies: 0, roomEntries: 0 };
  /** The run of entries that goes on if the next entry is the one after it for the same users. */
  #run: { op: InboxOp; first: string; users: Iterable<string> } | null = null;

  /** Adds an op for all the users given. */
  add(op: InboxOp, users: Iterable<string>): void {
    this.#run = null;
    this.#ops.push(op);
    const number = this.#ops.length;
    for (const user of users) {
      const numbers = this.#byUser.get(user);
      if (numbers === undefined) this.#byUser.set(user, [number]);
      else numbers.push(number);
    }
  }

  /** Adds an entry for all the users given. One that follows the entry before, for the very same list of users, becomes part of its op. */
  entry({ conversationId, seq, id, pointer }: PlannedEntry, users: Iterable<string>): void {
    const run = this.#run;
    const { op } = run ?? {};
    if (
      run !== null &&
      op?.conversationId === conversationId &&
      run.users === users &&
      op.seq + op.pointers.length === seq &&
      op.pointers.length < MOST_POINTERS
    ) {
      op.pointers.push(pointer);
      op.extra = `${run.first} ${id}`;
      return;
    }
    const begun: InboxOp = { letter: "E", conversationId, seq, extra: `${id} ${id}`, pointers: [pointer] };
    this.add(begun, users);
    this.#run = { op: begun, first: id, users };
  }

  /** An entry for the room of a conversation; consecutive ones become one step. */
  room(conversationId: string, seq: number, ended: boolean): void {
    const last = this.rooms.at(-1);
    if (last !== undefined && last[0] === conversationId && last[2] === seq - 1 && last[3] === 0) {
      last[2] = seq;
      last[3] = ended ? 1 : 0;
    } else {
      this.rooms.push([conversationId, seq, seq, ended ? 1 : 0]);
    }
  }

  /** True if there is nothing to be done. */
  get empty(): boolean {
    return this.#ops.length === 0 && this.rooms.length === 0;
  }

  /** The same for these users alone, without rooms. */
  only(users: ReadonlySet<string>): Plan {
    const part = new Plan();
    part.#ops.push(...this.#ops);
    for (const user of users) part.#byUser.set(user, this.#byUser.get(user) ?? []);
    return part;
  }

  /** What some scripts have to do: the users of each with the ops they need, numbered from 1. */
  *calls(): Generator<ReturnType<typeof callOf>> {
    const users = [...this.#byUser];
    for (let first = 0; first < users.length; first += MOST_USERS) yield callOf(this.#ops, users.slice(first, first + MOST_USERS));
  }
}

export interface Delivered {
  pushes: Map<string, PushBatch["inbox"]>;
  gaps: Gap[];
  /** Pointers written. */
  written: number;
}

/** Writes a plan into inboxes. Repeating it changes nothing. */
export async function deliver(hot: Hot, plan: Plan, archive: boolean): Promise<Delivered> {
  const delivered: Delivered = { pushes: new Map(), gaps: [], written: 0 };
  for (const { ops, users } of plan.calls()) {
    for (const [i, written] of (await deliverOps(hot, ops, users, archive)).entries()) {
      const [user] = users[i] as Recipient;
      const { pointers, gaps } = written;
      for (const op of gaps) delivered.gaps.push({ user, op });
      delivered.written += pointers.length;
      addPush(delivered.pushes, user, written);
    }
  }
  return delivered;
}
