/** Who waits for whom: writes, reads of `tributary` and analysts have places of their own, so none can take the others'. */
export type Lane = "write" | "read" | "analyst";

/** One place in a lane; `pipe` is the path of a FIFO that belongs to it while it is held. */
export interface Place {
  lane: Lane;
  pipe: string;
  /** Gives the place back; further calls do nothing. */
  release(): void;
}

export interface LaneStatus {
  places: number;
  busy: number;
  waiting: number;
}

interface Waiter {
  take(pipe: string): void;
  fail(error: Error): void;
}

/** A bounded queue before a fixed number of places. */
export interface LanePool {
  /**
   * Waits for a place, first come first served.
   * @throws what `full` gives when `maxWaiting` already wait; the signal's reason when the caller goes away while waiting
   */
  take(signal: AbortSignal): Promise<Place>;
  status(): LaneStatus;
  /** Resolves when every place is free and nobody waits. */
  idle(): Promise<void>;
}

export const createLane = (lane: Lane, pipes: readonly string[], maxWaiting: number, full: () => Error): LanePool => {
  const free = [...pipes];
  const waiting = new Set<Waiter>();
  let quiet: (() => void)[] = [];

  const settle = () => {
    if (free.length < pipes.length || waiting.size > 0) return;
    for (const done of quiet) done();
    quiet = [];
  };
  const giveBack = (pipe: string) => {
    const [next] = waiting;
    if (next === undefined) free.push(pipe);
    else next.take(pipe);
    settle();
  };
  const place = (pipe: string): Place => {
    let held = true;
    const release = () => {
      if (held) giveBack(pipe);
      held = false;
    };
    return { lane, pipe, release };
  };

  return {
    take: (signal) => {
      signal.throwIfAborted();
      const pipe = free.pop();
      if (pipe !== undefined) return Promise.resolve(place(pipe));
      if (waiting.size >= maxWaiting) return Promise.reject(full());
      return new Promise((resolve, reject) => {
        const leave = () => waiter.fail(signal.reason as Error);
        const waiter: Waiter = {
          take: (given) => {
            waiting.delete(waiter);
            signal.removeEventListener("abort", leave);
            resolve(place(given));
          },
          fail: (error) => {
            waiting.delete(waiter);
            reject(error);
          },
        };
        waiting.add(waiter);
        signal.addEventListener("abort", leave, { once: true });
      });
    },
    status: () => ({ places: pipes.length, busy: pipes.length - free.length, waiting: waiting.size }),
    idle: () => new Promise((resolve) => (quiet.push(resolve), settle())),
  };
};
