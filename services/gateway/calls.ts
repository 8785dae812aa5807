import type { Config } from "#shared/run/config.ts";
import type { Logger } from "#shared/run/logger.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { jsonOf } from "#shared/wire/json.ts";
import { methodTable, type MethodRow } from "#shared/wire/methods.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { checkParams } from "./params.ts";
import type { Caller, Handler, Methods } from "./ports.ts";
import { MAX_COMMAND_BYTES } from "./protocol.ts";
import { Buckets } from "./rates.ts";

/** Called once with what was refused, or with the result as JSON text. Must not throw. */
type Done = (refusal: Refusal | undefined, resultJson: string) => void;

/** Runs RPCs, for WebSocket and HTTP alike: the same rates, checks and errors. */
export interface Calls {
  /**
   * Runs one RPC; `bytes` is the size it came in. `message.send` starts before this returns, so that sends keep the order of their calls.
   * `done` may be called before this returns.
   */
  run(method: string, params: unknown, bytes: number, caller: Caller, done: Done): void;
  /** Takes one RPC of the user's rate for a protocol command that costs as much; throws 111. */
  spend(user: string): void;
}

export type CallsConfig = Pick<Config, "rateLimits" | "rateSends" | "rateSendsBurst" | "rateRpcs">;

interface Parts {
  config: CallsConfig;
  methods: Methods;
  metrics: GatewayMetrics;
  logger: Logger;
}

const rows: ReadonlyMap<string, MethodRow> = new Map(Object.entries(methodTable));
const SEND = "message.send";

export function createCalls({ config, methods, metrics, logger }: Parts): Calls {
  const sends = new Buckets({ perSecond: config.rateSends, burst: config.rateSendsBurst });
  const rpcs = new Buckets({ perSecond: config.rateRpcs, burst: config.rateRpcs });

  function spend(buckets: Buckets, user: string): void {
    if (config.rateLimits && !buckets.take(user)) throw new Refusal(111);
  }

  function refusalOf(thrown: unknown, method: string): Refusal {
    if (thrown instanceof Refusal) return thrown;
    logger.error({ err: thrown, method }, "a method failed unexpectedly");
    return new Refusal(100);
  }

  function run(method: string, given: unknown, bytes: number, caller: Caller, done: Done): void {
    const started = performance.now();
    let pending = true;
    metrics.called();
    const finish = (thrown: unknown, resultJson: string) => {
      if (!pending) return;
      pending = false;
      metrics.answered(methodLabel(method), (performance.now() - started) / 1_000);
      const refusal = thrown === undefined || thrown === null ? undefined : refusalOf(thrown, method);
      if (refusal !== undefined) metrics.refused(refusal.code);
      done(refusal, resultJson);
    };
    try {
      const params = given ?? {};
      spend(method === SEND ? sends : rpcs, caller.user);
      const handler = handlerOf(methods, method, params, bytes);
      if (method === SEND) methods.send(params as never, caller, finish);
      else if (handler !== undefined) void serve(handler, params, caller, finish);
    } catch (thrown) {
      finish(thrown, "");
    }
  }

  return { run, spend: (user) => spend(rpcs, user) };
}

/** Who serves a call that is valid in itself; undefined for `message.send`, which goes its own way. Throws 104, 106, 107, 108. */
function handlerOf(methods: Methods, method: string, params: unknown, bytes: number): Handler | undefined {
  const row = rows.get(method);
  if (row === undefined) throw new Refusal(104);
  const most = row.maxBytes ?? MAX_COMMAND_BYTES;
  if (bytes > most) throw new Refusal(106, `a command of ${bytes} bytes, at most ${most} are allowed`);
  if (row.later === true) throw new Refusal(108, `${method} is not served yet`);
  checkParams(method, params, bytes);
  const handler = methods.handlers.get(method);
  if (handler === undefined && method !== SEND) throw new Refusal(108, `${method} is not served here`);
  return handler;
}

async function serve(
  handler: Handler,
  params: object,
  caller: Caller,
  finish: (thrown: unknown, resultJson: string) => void,
): Promise<void> {
  let json: string;
  try {
    json = jsonOf(await handler(params as never, caller));
  } catch (thrown) {
    finish(thrown ?? new Error("a method threw nothing"), "");
    return;
  }
  finish(undefined, json);
}

/** A name for metrics: only those of the table, so that no client makes up labels. */
export function methodLabel(method: string): string {
  return rows.has(method) ? method : "unknown";
}
