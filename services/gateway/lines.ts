import type { Socket } from "node:net";
import { atTurnEnd } from "#shared/run/turn.ts";
import { type Encoding, type Piece, Shared } from "./encoding.ts";

/** Unsent bytes beyond the connect reply past which a client is too slow. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** What is put in one turn leaves in one frame up to this size: some clients take no larger message. */
const MAX_OUT_FRAME_BYTES = 1024 * 1024;

type Queued = Piece | Shared;

const pieceOf = (queued: Queued, encoding: Encoding): Piece => (queued instanceof Shared ? queued.in(encoding) : queued);

interface SharedFrame {
  queue: Queued[];
  frame: Buffer;
}

/** Frames of equal queues that begin with something shared, within one turn: a room's members usually get the same ones. */
export class SharedFrames {
  readonly #byEncoding = new Map<Encoding, Map<Shared, SharedFrame>>();

  /** The one frame for a queue of two or more. */
  frameOf(queue: Queued[], encoding: Encoding): Buffer {
    const first = queue[0];
    if (!(first instanceof Shared)) return joined(queue, encoding);
    const frames = this.#byEncoding.getOrInsertComputed(encoding, () => new Map());
    const known = frames.get(first);
    if (known !== undefined && known.queue.length === queue.length && known.queue.every((one, at) => one === queue[at])) return known.frame;
    const frame = joined(queue, encoding);
    frames.set(first, { queue, frame });
    return frame;
  }
}

const joined = (queue: Queued[], encoding: Encoding): Buffer =>
  encoding.frame(encoding.join(queue.map((queued) => pieceOf(queued, encoding))));

/** The queue cut where a frame would get too large; nearly always one part. */
function parts(queue: Queued[], encoding: Encoding): Queued[][] {
  if (queue.length === 1) return [queue];
  let length = 0;
  for (const queued of queue) length += pieceOf(queued, encoding).length + 1;
  if (length * 3 <= MAX_OUT_FRAME_BYTES) return [queue];
  const cut: Queued[][] = [];
  let room = 0;
  for (const queued of queue) {
    const bytes = Buffer.byteLength(pieceOf(queued, encoding)) + 1;
    if (bytes > room || cut.length === 0) {
      cut.push([]);
      room = MAX_OUT_FRAME_BYTES;
    }
    room -= bytes;
    cut.at(-1)?.push(queued);
  }
  return cut;
}

/** The outgoing side of one socket: replies and pushes put in one turn of the event loop leave as one frame, in order. */
export class Lines {
  readonly encoding: Encoding;
  readonly #wire: Socket;
  readonly #turn: Turn;
  readonly #owner: { close(code: number): void };
  #queue: Queued[] | undefined;
  /** Unsent bytes that are forgiven: those of the connect reply until it is out. */
  #allowance = 0;
  #open = true;

  /** `owner` is closed with 3008 when the client reads too slowly. */
  constructor(encoding: Encoding, wire: Socket, turn: Turn, owner: { close(code: number): void }) {
    this.encoding = encoding;
    this.#wire = wire;
    this.#turn = turn;
    this.#owner = owner;
  }

  put(queued: Queued): void {
    if (!this.#open) return;
    if (this.#queue !== undefined) {
      this.#queue.push(queued);
      return;
    }
    this.#queue = [queued];
    this.#turn.mark(this);
  }

  /** Writes it, after what is queued, without waiting for the end of the turn. */
  putNow(shared: Shared): void {
    if (!this.#open) return;
    if (this.#queue === undefined) {
      const frame = shared.frameIn(this.encoding);
      this.#wire.write(frame);
      this.#closeIfSlow();
      this.#turn.wrote(frame.length);
    } else {
      this.#queue.push(shared);
      this.#flushNow();
    }
  }

  /** Writes what is queued and forgives its size: the connect reply with what belongs to it. */
  flushConnectReply(): void {
    this.#flushNow(true);
  }

  /** Without waiting for the end of the turn. */
  #flushNow(forgiven = false): void {
    this.#turn.wrote(this.flush(new SharedFrames(), forgiven));
  }

  /** Writes what is queued; returns the bytes written. */
  flush(shared: SharedFrames, forgiven = false): number {
    const queue = this.#queue;
    if (queue === undefined) return 0;
    this.#queue = undefined;
    let bytes = 0;
    const { encoding } = this;
    for (const part of parts(queue, encoding)) {
      const only = part.length === 1 ? part[0] : undefined;
      const frame =
        only === undefined ? shared.frameOf(part, encoding) : only instanceof Shared ? only.frameIn(encoding) : encoding.frame(only);
      bytes += frame.length;
      if (forgiven) this.#forgive(frame);
      else this.#wire.write(frame);
    }
    this.#closeIfSlow();
    return bytes;
  }

  #closeIfSlow(): void {
    if (this.#open && this.#wire.writableLength - this.#allowance > MAX_UNSENT_BYTES) this.#owner.close(3008);
  }

  #forgive(frame: Buffer): void {
    this.#allowance += frame.length;
    this.#wire.write(frame, () => {
      this.#allowance -= frame.length;
    });
  }

  /** Writes what is queued; what is put later is dropped. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#flushNow();
  }

  /** Drops what is queued and whatever is put later: the other side is gone. */
  drop(): void {
    this.#open = false;
    this.#queue = undefined;
  }
}

/**
 * The sockets that have something to send in this turn. They are flushed at its end, when all input that is ready has been handled: that
 * batches replies and pushes of one turn best, and adds no wait of its own.
 */
export class Turn {
  readonly #written: (bytes: number) => void;
  #marked: Lines[] = [];

  /** `written` learns how many bytes left. */
  constructor(written: (bytes: number) => void) {
    this.#written = written;
  }

  mark(lines: Lines): void {
    if (this.#marked.push(lines) === 1) atTurnEnd(() => this.#flush());
  }

  wrote(bytes: number): void {
    if (bytes > 0) this.#written(bytes);
  }

  #flush(): void {
    const marked = this.#marked;
    this.#marked = [];
    const shared = new SharedFrames();
    let bytes = 0;
    for (const lines of marked) bytes += lines.flush(shared);
    this.wrote(bytes);
  }
}
