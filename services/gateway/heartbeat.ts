import { randomInt } from "node:crypto";

/** What a heartbeat asks for: nothing yet, a ping now, or the end (token over for too long, or no pong in time). */
export type Beat = "wait" | "ping" | "expired" | "silent";

/** Pings and the end of the token for one live connection, without a timer of its own. Moments are ms of the caller's clock. */
export class Heartbeat {
  readonly #interval: number;
  readonly #pongWait: number;
  #pingAt: number;
  /** 0: no ping is unanswered. */
  #pongBy = 0;
  #expiresAt: number;

  /** A ping every `interval` ms, the first after a random half to one of it, so that connections of one moment do not stay in step. */
  constructor(now: number, interval: number, pongWait: number, expiresAt: number) {
    this.#interval = interval;
    this.#pongWait = pongWait;
    this.#pingAt = now + randomInt(Math.floor(interval / 2), interval + 1);
    this.#expiresAt = expiresAt;
  }

  /** What is to be done now; after `ping` it counts as sent. */
  beat(now: number): Beat {
    if (now >= this.#expiresAt) return "expired";
    if (this.#pongBy !== 0 && now >= this.#pongBy) return "silent";
    if (now < this.#pingAt) return "wait";
    this.#pingAt = Math.max(this.#pingAt + this.#interval, now + this.#interval / 2);
    if (this.#pongBy === 0) this.#pongBy = now + this.#pongWait;
    return "ping";
  }

  /** The next moment at which `beat` has something to say. */
  get next(): number {
    return Math.min(this.#expiresAt, this.#pingAt, this.#pongBy === 0 ? Infinity : this.#pongBy);
  }

  pong(): void {
    this.#pongBy = 0;
  }

  expireAt(moment: number): void {
    this.#expiresAt = moment;
  }
}
