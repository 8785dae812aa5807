import type { Logger } from "./logger.ts";

const stopSignals = ["SIGINT", "SIGTERM"] as const;

/** Ctrl-C under `npm start` arrives twice, from the terminal and forwarded by npm: the same signal again within this many ms is the same wish. */
const echoMs = 500;

const STOP_PATIENCE = 15_000;
/** How long after its stop a process may be held by what was left open (ms). */
const LEFTOVER_PATIENCE = 1_000;

/** How long a process may take to stop (ms): to send its clients elsewhere, and for the rest. */
export const stopPatience = ({ drainSeconds }: { drainSeconds: number }): number => drainSeconds * 1_000 + STOP_PATIENCE;

/**
 * Runs a server for the life of the process. `start` puts what it opens on `stack`; `signal` is aborted when the process is asked to stop, also
 * while it still starts. Then everything on the stack is disposed in reverse and the promise resolves, with `process.exitCode` 0, or 1 if
 * starting, serving or stopping failed. A second SIGINT or SIGTERM ends the process at once, by that signal; the same one again within half a second is taken as an echo.
 * What has not ended by `patience` (ms) is left as it is, with exit code 1: what was acknowledged is durable without it. A connection or timer that is
 * still open a second after the stop (some client's, as ours are all closed by then) is named in the log and holds the process no longer.
 * `over` resolves when the process is asked to stop in another way, and rejects when it can't go on serving.
 */
export async function runUntilSignal(
  start: (stack: AsyncDisposableStack, signal: AbortSignal) => Promise<void>,
  logger: Logger,
  over: Promise<void> = new Promise(() => {}),
  patience: number = STOP_PATIENCE,
): Promise<void> {
  const stopping = new AbortController();
  // Signal handlers and promises do not keep Node's event loop alive, this does.
  const alive = setInterval(() => {}, 2 ** 30);
  const stopped = stopWhenAsked(stopping, logger, over);
  const stack = new AsyncDisposableStack();
  let failure = "the start failed";
  try {
    await start(stack, stopping.signal);
    failure = "serving can't go on";
    await stopped.asked;
  } catch (err) {
    if (stopping.signal.aborted) logger.debug({ err }, "the start was cut short");
    else {
      logger.error({ err }, failure);
      process.exitCode = 1;
    }
  }
  const late = setTimeout(() => {
    logger.error({}, `not stopped within ${Math.round(patience / 1_000)} s; ending all the same`);
    process.exit(1);
  }, patience);
  try {
    await stack.disposeAsync();
    logger.info("stopped");
  } catch (err) {
    logger.error({ err }, "stopping failed");
    process.exitCode = 1;
  } finally {
    clearTimeout(late);
    stopped.forget();
    clearInterval(alive);
    endWhatIsLeft(logger);
  }
}

/** Ends the process, in case it does not end by itself as nothing is left to do. */
function endWhatIsLeft(logger: Logger): void {
  const late = setTimeout(() => {
    logger.warn({ open: process.getActiveResourcesInfo() }, "stopped, yet something is open; ending all the same");
    process.exit();
  }, LEFTOVER_PATIENCE);
  late.unref();
}

function stopWhenAsked(stopping: AbortController, logger: Logger, over: Promise<void>): { asked: Promise<void>; forget(): void } {
  const { promise: asked, resolve, reject } = Promise.withResolvers<void>();
  const forget = () => stopSignals.forEach((name) => process.removeListener(name, onSignal));
  let first = { name: "", at: 0 };
  function stop(name: string) {
    first = { name, at: performance.now() };
    stopping.abort();
    resolve();
  }
  function onSignal(name: NodeJS.Signals) {
    if (stopping.signal.aborted) {
      if ((name === first.name || first.name === "") && performance.now() - first.at < echoMs) return;
      forget();
      process.kill(process.pid, name);
      return;
    }
    logger.info({ signal: name }, "stopping; a second signal ends at once");
    stop(name);
  }
  stopSignals.forEach((name) => process.on(name, onSignal));
  over.then(() => stopping.signal.aborted || stop(""), reject);
  // It may be rejected while the start is still under way, and nobody looks yet.
  asked.catch(() => undefined);
  return { asked, forget };
}
