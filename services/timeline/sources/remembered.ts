/** What is asked for again and again, and may be a little old. */
interface Remembering<Value> {
  load: (user: string) => Promise<Value>;
  /** How long a value is as good as new, ms; by the value. Older ones are still given once, while a new one is on its way. */
  keepMs: (value: Value) => number;
  /** What is given where none can be had. */
  none: Value;
  failed: (err: unknown) => void;
}

/** Longest wait for what is asked for the first time, ms: then it is gone without, and there the next time. */
const PATIENCE = 1_000;
/** No further try this soon after one that failed, ms. */
const REST = 5_000;
/** Users per generation of two. */
const GENERATION = 10_000;

interface Kept<Value> {
  value: Value;
  /** `performance.now()` from which on it is old. */
  until: number;
}

/** Remembers a value a user. Never rejects, and waits no longer than a second. */
export function remembered<Value>({ load, keepMs, none, failed }: Remembering<Value>): (user: string) => Promise<Value> {
  let young = new Map<string, Kept<Value>>();
  let old = new Map<string, Kept<Value>>();
  const loading = new Map<string, Promise<Value>>();

  function keep(user: string, value: Value, ms: number): Value {
    young.set(user, { value, until: performance.now() + ms });
    if (young.size > GENERATION) {
      old = young;
      young = new Map();
    }
    return value;
  }

  async function loaded(user: string, before: Value): Promise<Value> {
    try {
      const value = await load(user);
      return keep(user, value, keepMs(value));
    } catch (err) {
      failed(err);
      return keep(user, before, REST);
    } finally {
      loading.delete(user);
    }
  }

  return async (user) => {
    const known = young.get(user) ?? old.get(user);
    if (known !== undefined && performance.now() < known.until) return known.value;
    const fresh = loading.getOrInsertComputed(user, () => loaded(user, known?.value ?? none));
    return known === undefined ? atMost(PATIENCE, fresh, none) : known.value;
  };
}

async function atMost<Value>(ms: number, value: Promise<Value>, otherwise: Value): Promise<Value> {
  const { promise, resolve } = Promise.withResolvers<Value>();
  const timer = setTimeout(() => resolve(otherwise), ms);
  try {
    return await Promise.race([value, promise]);
  } finally {
    clearTimeout(timer);
  }
}
