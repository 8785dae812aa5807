import type { Config } from "#shared/run/config.ts";
import type { Logger } from "#shared/run/logger.ts";
import type { Calls, CallsConfig } from "./calls.ts";
import type { Turn } from "./lines.ts";
import type { GatewayMetrics } from "./metrics.ts";
import type { Hub } from "./ports.ts";
import type { TokenResult } from "./token.ts";
import type { Wheel } from "./wheel.ts";

/** The waits of a connection, in ms. */
export interface Timing {
  /** For the first command; SDKs fetch tokens late. */
  firstCommand: number;
  /** For the hub to attach: SDKs give up on a connect reply after 5 s. */
  attach: number;
  /** For the answer to a ping. */
  pong: number;
  /** Past the token's end, for a refresh. */
  expiry: number;
  /** For the client to leave by itself after a refused connect. */
  refused: number;
}

export const defaultTiming: Timing = { firstCommand: 15_000, attach: 4_500, pong: 10_000, expiry: 25_000, refused: 1_000 };

export type ConnectionConfig = CallsConfig & Pick<Config, "pingSeconds" | "maxConnections">;

/** What all connections of a gateway share. */
export interface Gate {
  config: ConnectionConfig;
  hub: Hub;
  calls: Calls;
  verify: (token: string) => TokenResult;
  metrics: GatewayMetrics;
  logger: Logger;
  timing: Timing;
  wheel: Wheel;
  turn: Turn;
}
