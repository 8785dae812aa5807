/** Lets work go on side by side, and some of it alone. */
export interface Gate {
  shared<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Waits until all that is under way has ended; what comes later waits for this. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
}

export function createGate(): Gate {
  let under = 0;
  let quiet: (() => void) | null = null;
  let closed: Promise<void> | null = null;

  return {
    async shared(work) {
      while (closed !== null) await closed;
      under += 1;
      try {
        return await work();
      } finally {
        under -= 1;
        if (under === 0) quiet?.();
      }
    },
    async alone(work) {
      while (closed !== null) await closed;
      const { promise, resolve } = Promise.withResolvers<void>();
      closed = promise;
      try {
        if (under > 0) await new Promise<void>((done) => (quiet = done));
        quiet = null;
        return await work();
      } finally {
        closed = null;
        resolve();
      }
    },
  };
}

/** Hands out things one user at a time, first come first served. */
export function createPool<Thing>(things: readonly Thing[]): <Result>(work: (thing: Thing) => Promise<Result>) => Promise<Result> {
  const free = [...things];
  const waiting: ((thing: Thing) => void)[] = [];
  return async (work) => {
    const thing = free.pop() ?? (await new Promise<Thing>((resolve) => waiting.push(resolve)));
    try {
      return await work(thing);
    } finally {
      const next = waiting.shift();
      if (next === undefined) free.push(thing);
      else next(thing);
    }
  };
}
