import type { Logger } from "#shared/run/logger.ts";

/** Tells once that something went away, and once that it is back. */
export interface Outage {
  failed(err: unknown): void;
  worked(): void;
}

export function createOutage(logger: Logger, what: string): Outage {
  let since = 0;
  return {
    failed(err) {
      if (since === 0) {
        since = Date.now();
        logger.warn({ err }, `${what} is held up; it goes on by itself, and what waits is kept`);
      } else logger.debug({ err }, `${what} is still held up`);
    },
    worked() {
      if (since === 0) return;
      logger.info({ seconds: Math.round((Date.now() - since) / 1_000) }, `${what} goes on`);
      since = 0;
    },
  };
}
