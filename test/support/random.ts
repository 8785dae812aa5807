/** Numbers that look random and repeat with their seed (mulberry32). */
export interface Random {
  /** A whole number from … to, both included. */
  between(from: number, to: number): number;
  pick<T>(of: readonly T[]): T;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return { between, pick: (of) => of[between(0, of.length - 1)] as (typeof of)[number] };
}

/** `SEED` repeats a run that failed; the seed of each run is printed. */
export function seedOf(name: string): number {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
  process.stdout.write(`${name}: SEED=${seed}\n`);
  return seed;
}
