import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import type { CloseCode } from "#shared/wire/errors.ts";
import { MAX_FRAME_BYTES } from "./protocol.ts";
import { encodingAsked, subprotocols } from "./upgrades.ts";

/** Who handles what happens on a socket. */
export interface SocketOwner {
  receive(data: Buffer, isBinary: boolean): void;
  close(code: CloseCode): void;
  /** The other side is gone or going; may be called again. */
  left(): void;
}

/** For the closing handshake, and for a slow client to take what it was sent. */
const CLOSE_TIMEOUT_MS = 10_000;

/** What the library closes with when it meets bad input, in the codes that SDKs understand: on 1009 they stop for good or spin. */
const faults = new Map<number, CloseCode>([
  [1002, 3501],
  [1007, 3501],
  [1008, 4009],
  [1009, 4009],
]);

/** The library's socket, with its own closes translated and its wire at hand. */
export class GatewaySocket extends WebSocket {
  owner: SocketOwner | undefined;

  /** The library calls this itself: without a reason when the input is bad, with the client's code and reason when the client closes. */
  override close(code?: number, reason?: string | Buffer): void {
    const fault = code === undefined || reason !== undefined ? undefined : faults.get(code);
    if (fault !== undefined && this.owner !== undefined) {
      this.owner.close(fault);
      return;
    }
    this.owner?.left();
    super.close(code, reason);
  }

  /** The TCP socket. Whole frames may be written to it directly: without compression the library keeps nothing back. */
  get wire(): Socket {
    return (this as unknown as { _socket: Socket })._socket;
  }
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  (this as GatewaySocket).owner?.receive(data as Buffer, isBinary);
}

function onClose(this: WebSocket): void {
  (this as GatewaySocket).owner?.left();
}

/** Bad input and broken pipes: the close tells all there is to know. */
function onError(): void {}

/** Completes an upgrade and hands the socket to the owner that `open` makes. */
export type Upgrade = (request: IncomingMessage, wire: Duplex, head: Buffer) => void;

export function createUpgrade(open: (socket: GatewaySocket, asked: ReturnType<typeof encodingAsked>) => SocketOwner): Upgrade {
  const options = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    closeTimeout: CLOSE_TIMEOUT_MS,
    WebSocket: GatewaySocket,
    handleProtocols: (offered: Set<string>) => Object.values(subprotocols).find((one) => offered.has(one)) ?? (false as const),
  };
  const server = new WebSocketServer<typeof GatewaySocket>(options);
  const opened = (socket: GatewaySocket, request: IncomingMessage) => {
    socket.owner = open(socket, encodingAsked(request, socket.protocol));
    socket.on("message", onMessage);
    socket.on("close", onClose);
    socket.on("error", onError);
  };
  return (request, wire, head) => server.handleUpgrade(request, wire, head, opened);
}
