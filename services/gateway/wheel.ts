/**
 * Something with a next moment. `due` is called within a tenth of a second after it, or earlier if it is more than 50 s away, and gives the one
 * after that (ms of the wheel's clock; the same again if it was called early), or null for none.
 */
export interface Timed {
  /** Kept by the wheel: the slot it stands in, or −1. */
  slot: number;
  due(now: number): number | null;
}

const STEP_MS = 100;
const SLOTS = 512;

/** One timer for the moments of all connections. */
export class Wheel implements Disposable {
  readonly #slots: (Set<Timed> | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  readonly #timer: NodeJS.Timeout;
  #step = Math.floor(performance.now() / STEP_MS);

  constructor() {
    this.#timer = setInterval(() => this.#turn(), STEP_MS);
  }

  /** Milliseconds of a clock that never goes back. */
  now(): number {
    return Math.floor(performance.now());
  }

  /** Sets the next moment, in place of the one before. */
  place(timed: Timed, at: number): void {
    this.remove(timed);
    const ahead = Math.ceil(at / STEP_MS) - this.#step;
    timed.slot = (this.#step + Math.max(1, Math.min(ahead, SLOTS - 1))) % SLOTS;
    const slot = (this.#slots[timed.slot] ??= new Set());
    slot.add(timed);
  }

  remove(timed: Timed): void {
    if (timed.slot >= 0) this.#slots[timed.slot]?.delete(timed);
    timed.slot = -1;
  }

  #turn(): void {
    const now = this.now();
    const last = Math.floor(now / STEP_MS);
    while (this.#step < last) {
      this.#step += 1;
      const at = this.#step % SLOTS;
      const slot = this.#slots[at];
      if (slot === undefined) continue;
      this.#slots[at] = undefined;
      for (const timed of slot) this.#serve(timed, now);
    }
  }

  #serve(timed: Timed, now: number): void {
    timed.slot = -1;
    const next = timed.due(now);
    if (next !== null) this.place(timed, next);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
