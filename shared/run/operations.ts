import type { AddressInfo } from "node:net";
import { type FastifyInstance, fastify } from "fastify";
import { Registry } from "prom-client";

/** What a server works with, by name. Without what is not needed it goes on serving most calls, so that taking it out of rotation would help nobody. */
export type Dependencies = Record<string, { ok: boolean; needed: boolean; detail?: string }>;

export const isReady = (dependencies: Dependencies): boolean => Object.values(dependencies).every(({ ok, needed }) => ok || !needed);

/** What operators ask a process. */
export interface Operations {
  /** Names each dependency and whether it answers. */
  ready: () => Promise<Dependencies>;
  /** The metrics as Prometheus reads them. */
  scrape: () => Promise<string>;
}

/** Adds `/health`, `/ready` and `/metrics`. */
export function addOperations(app: FastifyInstance, { ready, scrape }: Operations): void {
  app.get("/health", () => ({ status: "ok" }));
  app.get("/ready", async (_request, reply) => {
    const dependencies = await ready();
    const ok = isReady(dependencies);
    return reply.code(ok ? 200 : 503).send({ ready: ok, dependencies });
  });
  app.get("/metrics", async (_request, reply) => reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await scrape()));
}

/** Serves these alone, for a process without a gateway; port 0 lets the system choose. Rejects with a sentence where the port is taken. */
export async function startOperations(operations: Operations, host: string, port: number): Promise<AsyncDisposable & { port: number }> {
  const app = fastify({ logger: false, forceCloseConnections: true });
  addOperations(app, operations);
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new Error(`another program listens on ${host}:${port}: end it, or set another METRICS_PORT`, { cause: error });
  }
  return { port: (app.server.address() as AddressInfo).port, [Symbol.asyncDispose]: () => app.close() };
}
