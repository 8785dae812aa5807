import type { Socket } from "node:net";
import type { PreparedLine } from "./ports.ts";

/** Unsent bytes beyond the connect reply past which a client is too slow. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** Lines of one turn leave in one frame up to this size: some clients take no larger message. */
const MAX_OUT_FRAME_BYTES = 1024 * 1024;
const TEXT_FRAME = 0x81;

type Queued = string | PreparedLine;

/** A final, unmasked WebSocket text frame with `text` (RFC 6455, 5.2). */
export function textFrame(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const head = bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + bytes);
  frame[0] = TEXT_FRAME;
  if (head === 2) frame[1] = bytes;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(bytes, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(bytes, 6);
  }
  frame.write(text, head, "utf8");
  return frame;
}

/** The frame of a line that goes to many sockets, made once. */
export function preparedFrame(prepared: PreparedLine): Buffer {
  prepared.frame ??= textFrame(prepared.line);
  return prepared.frame;
}

const textOf = (queued: Queued) => (typeof queued === "string" ? queued : queued.line);

/** Frames of equal queues of prepared lines within one turn: a room's members usually get the same ones. */
export class SharedFrames {
  readonly #byFirst = new Map<PreparedLine, { queue: Queued[]; frame: Buffer }>();

  /** The one frame for a queue of two or more lines. */
  frameOf(queue: Queued[]): Buffer {
    const first = queue[0];
    if (first === undefined || typeof first === "string") return joined(queue);
    const known = this.#byFirst.get(first);
    if (known !== undefined && known.queue.length === queue.length && known.queue.every((line, at) => line === queue[at]))
      return known.frame;
    const frame = joined(queue);
    this.#byFirst.set(first, { queue, frame });
    return frame;
  }
}

function joined(queue: Queued[]): Buffer {
  return textFrame(queue.map(textOf).join("\n"));
}

/** The queue cut where a frame would get too large; nearly always one piece. */
function pieces(queue: Queued[]): Queued[][] {
  let length = 0;
  for (const line of queue) length += textOf(line).length + 1;
  if (length * 3 <= MAX_OUT_FRAME_BYTES) return [queue];
  const cut: Queued[][] = [];
  let room = 0;
  for (const line of queue) {
    const bytes = Buffer.byteLength(textOf(line)) + 1;
    if (bytes > room || cut.length === 0) {
      cut.push([]);
      room = MAX_OUT_FRAME_BYTES;
    }
    room -= bytes;
    cut.at(-1)?.push(line);
  }
  return cut;
}

/** The outgoing side of one socket: lines put in one turn of the event loop leave as one frame, in order. */
export class Lines {
  readonly #wire: Socket;
  readonly #turn: Turn;
  readonly #owner: { close(code: number): void };
  #queue: Queued[] | undefined;
  /** Unsent bytes that are forgiven: those of the connect reply until it is out. */
  #allowance = 0;
  #open = true;

  /** `owner` is closed with 3008 when the client reads too slowly. */
  constructor(wire: Socket, turn: Turn, owner: { close(code: number): void }) {
    this.#wire = wire;
    this.#turn = turn;
    this.#owner = owner;
  }

  put(line: Queued): void {
    if (!this.#open) return;
    if (this.#queue !== undefined) {
      this.#queue.push(line);
      return;
    }
    this.#queue = [line];
    this.#turn.mark(this);
  }

  /** Writes what is queued and forgives its size: the connect reply with what belongs to it. */
  flushConnectReply(): void {
    const bytes = this.flush(new SharedFrames(), true);
    this.#turn.wrote(bytes);
  }

  /** Writes what is queued; returns the bytes written. */
  flush(shared: SharedFrames, forgiven = false): number {
    const queue = this.#queue;
    if (queue === undefined) return 0;
    this.#queue = undefined;
    let bytes = 0;
    for (const piece of pieces(queue)) {
      const only = piece.length === 1 ? piece[0] : undefined;
      const frame = only === undefined ? shared.frameOf(piece) : typeof only === "string" ? textFrame(only) : preparedFrame(only);
      bytes += frame.length;
      if (forgiven) this.#forgive(frame);
      else this.#wire.write(frame);
    }
    if (this.#open && this.#wire.writableLength - this.#allowance > MAX_UNSENT_BYTES) this.#owner.close(3008);
    return bytes;
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
    this.#turn.wrote(this.flush(new SharedFrames()));
  }

  /** Drops what is queued and whatever is put later: the other side is gone. */
  drop(): void {
    this.#open = false;
    this.#queue = undefined;
  }
}

/**
 * The sockets that have something to send in this turn. They are flushed once all input that is ready has been handled (`setImmediate`): that
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
    if (this.#marked.push(lines) === 1) setImmediate(() => this.#flush());
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
