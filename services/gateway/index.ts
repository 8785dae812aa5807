import cluster from "node:cluster";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import type { Config } from "#shared/run/config.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Dependencies, Operations } from "#shared/run/operations.ts";
import { createCalls } from "./calls.ts";
import { SERVER_VERSION } from "./connect.ts";
import { type ConnectionConfig, defaultTiming, type Gate, type Timing } from "./context.ts";
import { createHttp } from "./http.ts";
import { Turn } from "./lines.ts";
import { createGatewayMetrics } from "./metrics.ts";
import type { Pace } from "./paced.ts";
import type { Hub, Methods } from "./ports.ts";
import { acceptSockets } from "./sockets.ts";
import { createTokens, developmentSecret } from "./token.ts";
import { Wheel } from "./wheel.ts";

export type GatewayConfig = ConnectionConfig &
  Pick<Config, "port" | "host" | "dataDir" | "jwt" | "allowedOrigins" | "development" | "drainSeconds">;

export interface GatewayParts extends Operations {
  config: GatewayConfig;
  logger: Logger;
  registry: Registry;
  methods: Methods;
  hub: Hub;
  /** Names this process in its log lines. */
  node: string;
  /** Other waits than the usual ones. */
  timing?: Partial<Timing>;
  /** Other than the usual pace at which clients are sent elsewhere when the gateway stops. */
  pace?: Omit<Pace, "seconds">;
}

/**
 * A gateway that listens. Disposing it drains: it says that it is not ready, refuses new sockets, and closes those it has with 3001, at a pace; they are served
 * until their turn. Then calls are answered, and the port is free.
 */
export interface Gateway extends AsyncDisposable {
  port: number;
  address: string;
}

/** How long HTTP calls may take to be answered when all sockets are gone. */
const DRAIN_MS = 3_000;
/** What `/ready` says beside the rest when the gateway stops. */
const stopping: Dependencies = { gateway: { ok: false, needed: true, detail: "the server is stopping" } };

/** Starts HTTP and WebSocket on the configured port. */
export async function startGateway(parts: GatewayParts): Promise<Gateway> {
  const { config, hub, methods, registry, scrape, ready, timing } = parts;
  const logger = parts.logger.child({ node: parts.node });
  const metrics = createGatewayMetrics(registry);
  const secret = config.development ? await developmentSecret(config.dataDir) : null;
  const verify = createTokens(secret === null ? config.jwt : { ...config.jwt, secret });
  const calls = createCalls({ config, methods, metrics, logger });
  let draining = false;
  const readiness = async (): Promise<Dependencies> => ({ ...(await ready()), ...(draining ? stopping : {}) });
  const app = await createHttp({ config, calls, verify, secret, ready: readiness, scrape, logger, version: SERVER_VERSION });
  const wheel = new Wheel();
  const gate: Gate = {
    config,
    hub,
    calls,
    verify,
    metrics,
    logger,
    wheel,
    turn: new Turn((bytes) => metrics.sent(bytes)),
    timing: { ...defaultTiming, ...timing },
  };
  const sockets = acceptSockets(app, gate, config);
  try {
    await app.listen({ port: config.port, host: config.host });
  } catch (error) {
    wheel[Symbol.dispose]();
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new Error(`another program listens on ${config.host}:${config.port}: end it, or set another PORT (0 chooses a free one)`, {
      cause: error,
    });
  }
  const { port, address } = app.server.address() as AddressInfo;
  const drain = async () => {
    draining = true;
    // A port that is shared is left to the others at once; at one of its own the gateway goes on telling that it is not ready.
    const left = cluster.isWorker ? app.close() : null;
    await sockets.drain({ ...parts.pace, seconds: config.drainSeconds });
    const cut = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
    await (left ?? app.close());
    clearTimeout(cut);
    wheel[Symbol.dispose]();
  };
  let drained: Promise<void> | undefined;
  return { port, address, [Symbol.asyncDispose]: () => (drained ??= drain()) };
}
