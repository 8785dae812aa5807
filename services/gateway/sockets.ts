import type { FastifyInstance } from "fastify";
import type { WebSocket } from "ws";
import type { Config } from "#shared/run/config.ts";
import { Connection } from "./connection.ts";
import type { Gate } from "./context.ts";
import { json } from "./json-encoding.ts";
import { type Pace, paced } from "./paced.ts";
import { protobuf } from "./protobuf-encoding.ts";
import { createUpgrade, type GatewaySocket } from "./socket.ts";
import { refuseUpgrade, whyNotUpgrade } from "./upgrades.ts";

/** How long sockets may take to close when all are told that the gateway stops. */
const DRAIN_MS = 3_000;

/**
 * Serves upgrades of the app's server. `drain` refuses further ones, sends the clients elsewhere at a pace, and resolves when all sockets are gone,
 * also when they left by themselves.
 */
export function acceptSockets(
  app: FastifyInstance,
  gate: Gate,
  config: Pick<Config, "allowedOrigins">,
): { drain(pace: Pace): Promise<void> } {
  const open = new Set<WebSocket>();
  /** Whom the drain has yet to send elsewhere. */
  let rest = new Set<WebSocket>();
  let draining = false;
  let emptied: (() => void) | undefined;
  function onGone(this: WebSocket): void {
    open.delete(this);
    rest.delete(this);
    if (open.size === 0) emptied?.();
  }
  const upgrade = createUpgrade((socket, asked) => {
    open.add(socket);
    socket.on("close", onGone);
    return new Connection(gate, socket, asked === "protobuf" ? protobuf : json);
  });
  app.server.on("upgrade", (request, wire, head) => {
    const refused = whyNotUpgrade(request, config, draining);
    if (refused === undefined) upgrade(request, wire, head);
    else refuseUpgrade(wire, refused);
  });
  return {
    async drain(pace) {
      draining = true;
      if (open.size === 0) return;
      gate.logger.info({ clients: open.size, withinSeconds: pace.seconds }, "clients are sent elsewhere");
      const { promise: allGone, resolve } = Promise.withResolvers<void>();
      emptied = resolve;
      rest = new Set(open);
      await paced(rest, pace, (socket) => (socket as GatewaySocket).owner?.close(3001));
      const cut = setTimeout(() => open.forEach((socket) => socket.terminate()), DRAIN_MS);
      await allGone;
      clearTimeout(cut);
    },
  };
}
