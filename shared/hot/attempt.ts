import type { Script } from "./scripts.ts";

/** A script as it is sent to Redis, once or again. */
export interface Attempt {
  script: Script;
  keys: readonly string[];
  args(): readonly (string | number)[];
  /** What was answered; or what to wait for before it is sent again, as it has not run. */
  take(answer: unknown): { answer: unknown } | { wait: Promise<void> };
  /** It has not run, and is not sent again. */
  failed(): void;
}

/** A script as it is. */
export const plainAttempt = (script: Script, keys: readonly string[], args: readonly (string | number)[]): Attempt => ({
  script,
  keys,
  args: () => args,
  take: (answer) => ({ answer }),
  failed: () => undefined,
});
