import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Passes connections on to the servers behind it, in turn, as a load balancer before gateways does. */
export interface Balancer extends AsyncDisposable {
  port: number;
}

/** @param ports of the servers behind it, as they are at the time of a connection; one that does not accept is passed over */
export async function startBalancer(ports: () => readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;

  async function reach(): Promise<Socket | null> {
    const all = ports();
    for (let tries = 0; tries < all.length; tries++) {
      const server = connect(all[turn++ % all.length] as number, "127.0.0.1");
      try {
        await once(server, "connect");
        return server;
      } catch {
        server.destroy();
      }
    }
    return null;
  }

  async function pass(client: Socket): Promise<void> {
    open.add(client);
    client.on("error", () => undefined);
    const server = await reach();
    const over = () => {
      client.destroy();
      server?.destroy();
      open.delete(client);
    };
    if (server === null || client.destroyed) return over();
    server.on("error", () => undefined);
    // What either side has still sent before its end goes through.
    server.once("close", () => client.end());
    client.once("close", over);
    client.pipe(server).pipe(client);
  }

  const balancer = createServer((client) => void pass(client));
  balancer.listen(0, "127.0.0.1");
  await once(balancer, "listening");
  return {
    port: (balancer.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const client of open) client.destroy();
      balancer.close();
      await once(balancer, "close");
    },
  };
}
