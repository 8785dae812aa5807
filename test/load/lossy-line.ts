import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

/** A line between clients and a server that does not keep what it promises. */
export interface LossyLine extends AsyncDisposable {
  /** http://127.0.0.1:port, to be used in place of the server's. */
  http: string;
}

/**
 * Carries everything, HTTP and sockets, but of the pushes of messages over all sockets the tenth is lost and the twentieth comes twice.
 * With frames of several lines the line is meant, not the frame.
 */
export async function openLossyLine(http: string): Promise<LossyLine> {
  let pushes = 0;
  const spoil = (frame: string): string =>
    frame
      .split("\n")
      .flatMap((line) => {
        if (!line.startsWith('{"push"') || !line.includes('"type":"message"')) return [line];
        pushes++;
        return pushes === 10 ? [] : pushes === 20 ? [line, line] : [line];
      })
      .join("\n");
  const server = createServer((incoming, outgoing) => carry(http, incoming, outgoing));
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (client, { url = "/" }) => join(client, new WebSocket(`${http.replace("http", "ws")}${url}`), spoil));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    http: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function carry(http: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method = "GET", headers, url = "/" } = incoming;
  const onward = request(`${http}${url}`, { method, headers: { ...headers, host: new URL(http).host } }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}

function join(client: WebSocket, server: WebSocket, spoil: (frame: string) => string): void {
  const opened = once(server, "open");
  client.on("message", (data: Buffer) => void opened.then(() => server.send(data.toString())));
  server.on("message", (data: Buffer) => {
    const frame = spoil(data.toString());
    if (frame !== "") client.send(frame);
  });
  client.on("close", () => server.close());
  server.on("close", () => client.close());
  server.on("error", () => client.terminate());
}
