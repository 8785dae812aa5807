import type { WireError } from "#shared/wire/errors.ts";
import type { Command } from "./protocol.ts";

/** A reply or push in one encoding, or several that follow each other. */
export type Piece = string | Buffer;

/**
 * One of the two encodings of the Centrifuge client protocol v2; a connection has the same one for life. Arguments `…Json` are JSON text, which both
 * encodings carry as it is.
 */
export interface Encoding {
  /** Frames are binary, both ways. */
  readonly binary: boolean;
  readonly ping: Piece;
  /** A successful reply: `kind` names its result object, which is always there. */
  reply(id: number, kind: string, resultJson: string): Piece;
  /** The reply to an rpc; the hot one. */
  rpc(id: number, dataJson: string): Piece;
  error(id: number, error: WireError): Piece;
  /** Without `offset` it moves no position: only for channels that are not recoverable. */
  publication(channel: string, dataJson: string, offset?: number): Piece;
  /** A new server-side subscription, standing at `offset`: before the first publication that follows. */
  subscribe(channel: string, position: { epoch: string; offset: number }): Piece;
  /** The end of a server-side subscription. `reason` is plain words, never empty. */
  unsubscribe(channel: string, reason: string): Piece;
  join(pieces: readonly Piece[]): Piece;
  /** The whole WebSocket frame. */
  frame(piece: Piece): Buffer;
  /** The commands of a frame, in order. Throws `Garbage`. */
  read(data: Buffer): Iterable<Command>;
}

/** What goes to many sockets: made once for each encoding, and so is its frame. */
export class Shared {
  readonly #make: (encoding: Encoding) => Piece;
  readonly #made = new Map<Encoding, { piece: Piece; frame: Buffer | undefined }>();

  constructor(make: (encoding: Encoding) => Piece) {
    this.#make = make;
  }

  in(encoding: Encoding): Piece {
    return this.#in(encoding).piece;
  }

  frameIn(encoding: Encoding): Buffer {
    const made = this.#in(encoding);
    made.frame ??= encoding.frame(made.piece);
    return made.frame;
  }

  #in(encoding: Encoding) {
    let made = this.#made.get(encoding);
    if (made === undefined) {
      made = { piece: this.#make(encoding), frame: undefined };
      this.#made.set(encoding, made);
    }
    return made;
  }
}
