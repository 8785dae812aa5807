import { randomUUID } from "node:crypto";
import { asRefusal, type CloseCode, closeTable, Refusal } from "#shared/wire/errors.ts";
import { methodLabel } from "./calls.ts";
import { serve, type Session } from "./commands.ts";
import { attachRequestOf, connectResult } from "./connect.ts";
import type { Gate } from "./context.ts";
import { type Encoding, Shared } from "./encoding.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Lines } from "./lines.ts";
import type { AttachRequest } from "./ports.ts";
import { type Command, Garbage } from "./protocol.ts";
import type { GatewaySocket, SocketOwner } from "./socket.ts";
import type { Timed } from "./wheel.ts";

/** Commands that may wait for the connect reply. */
const MAX_WAITING = 1_000;
const ping = new Shared((encoding) => encoding.ping);

type Named<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/**
 * One socket's life: `new` until its connect command, `connecting` until the hub has attached it, then `live`; `refused` after an error to connect
 * until the client leaves. It has no timers and no closures of its own, for there are very many of it.
 */
export class Connection implements Session, SocketOwner, Timed {
  readonly client = randomUUID();
  user = "";
  slot = -1;
  pending = 0;
  readonly #gate: Gate;
  readonly #socket: GatewaySocket;
  readonly #lines: Lines;
  #state: "new" | "connecting" | "live" | "refused" | "closed" = "new";
  #connectId = 0;
  #waiting: Command[] | undefined;
  /** Unix ms, from the token. */
  #exp = 0;
  /** When a state before `live` has lasted too long, by the wheel's clock. */
  #until: number;
  #heart: Heartbeat | undefined;
  #refusedCode: CloseCode = 3501;

  constructor(gate: Gate, socket: GatewaySocket, encoding: Encoding) {
    this.#gate = gate;
    this.#socket = socket;
    this.#lines = new Lines(encoding, socket.wire, gate.turn, this);
    this.#until = gate.wheel.now() + gate.timing.firstCommand;
    gate.wheel.place(this, this.#until);
    gate.metrics.opened();
  }

  publish(channel: string, dataJson: string, offset?: number): void {
    this.#lines.put(this.#lines.encoding.publication(channel, dataJson, offset));
  }

  publishShared(shared: Shared): void {
    this.#lines.put(shared);
  }

  publishNow(shared: Shared): void {
    this.#lines.putNow(shared);
  }

  subscribed(channel: string, position: { epoch: string; offset: number }): void {
    this.#lines.put(this.#lines.encoding.subscribe(channel, position));
  }

  unsubscribed(channel: string, reason: string): void {
    this.#lines.put(this.#lines.encoding.unsubscribe(channel, reason));
  }

  reply(id: number, kind: string, resultJson: string): void {
    this.#lines.put(this.#lines.encoding.reply(id, kind, resultJson));
  }

  replyRpc(id: number, dataJson: string): void {
    this.#lines.put(this.#lines.encoding.rpc(id, dataJson));
  }

  fail(id: number, refusal: Refusal): void {
    this.#lines.put(this.#lines.encoding.error(id, refusal.toWire()));
  }

  /** Sends what is queued, then the close frame. A slow client gets no more than that frame. */
  close(code: number): void {
    if (this.#state === "closed") return;
    if (code === 3008) this.#lines.drop();
    else this.#lines.end();
    this.#end(code);
    this.#socket.close(code, closeTable[code as CloseCode] ?? "closed");
  }

  left(): void {
    this.#lines.drop();
    if (this.#state !== "closed") this.#end(null);
  }

  #end(code: number | null): void {
    const known = this.#state === "connecting" || this.#state === "live";
    this.#state = "closed";
    this.#waiting = undefined;
    this.#heart = undefined;
    this.#gate.wheel.remove(this);
    this.#gate.metrics.closed(code);
    if (known) this.#gate.hub.detach(this);
  }

  /** A whole message came in. */
  receive(data: Buffer, isBinary: boolean): void {
    if (this.#isOver()) return;
    if (isBinary !== this.#lines.encoding.binary) {
      this.close(3501);
      return;
    }
    try {
      for (const command of this.#lines.encoding.read(data)) {
        this.#take(command);
        if (this.#isOver()) return;
      }
    } catch (error) {
      if (!(error instanceof Garbage)) this.#gate.logger.error({ err: error }, "a frame could not be handled");
      this.close(error instanceof Garbage ? 3501 : 3004);
    }
  }

  #isOver(): boolean {
    return this.#state === "closed" || this.#state === "refused";
  }

  #take(command: Command): void {
    this.#gate.metrics.command(command.kind, command.kind === "rpc" ? methodLabel(command.body.method) : "");
    const isConnect = command.kind === "connect" || (command.kind === "refused" && command.of === "connect");
    if (isConnect !== (this.#state === "new")) this.close(3501);
    else if (command.kind === "connect") this.#connect(command);
    else if (command.kind === "refused" && isConnect) this.#refuse(command.id, command.refusal);
    else if (this.#state === "live") serve(command, this, this.#gate);
    else this.#wait(command);
  }

  #wait(command: Command): void {
    this.#waiting ??= [];
    if (this.#waiting.push(command) > MAX_WAITING) this.close(3013);
  }

  #connect({ id, body }: Named<"connect">): void {
    const token = body.token ?? "";
    if (token === "") return this.#refuse(id, new Refusal(101), 3500);
    const result = this.#gate.verify(token);
    if (result.outcome === "expired") return this.#refuse(id, new Refusal(109), 3005);
    if (result.outcome === "invalid") return this.close(3500);
    let request: AttachRequest;
    try {
      request = attachRequestOf(body);
    } catch (thrown) {
      return this.#refuse(id, asRefusal(thrown));
    }
    this.user = result.user;
    this.#exp = result.exp;
    this.#connectId = id;
    this.#state = "connecting";
    this.#until = this.#gate.wheel.now() + this.#gate.timing.attach;
    this.#gate.wheel.place(this, this.#until);
    void this.#attach(request);
  }

  async #attach(request: AttachRequest): Promise<void> {
    const { hub, config, logger } = this.#gate;
    try {
      const attached = await hub.attach(this, request);
      if (this.#state !== "connecting") return hub.detach(this);
      this.#replaceOldest();
      this.reply(this.#connectId, "connect", connectResult({ client: this.client, user: this.user, exp: this.#exp, attached, config }));
      attached.goLive();
      this.#lines.flushConnectReply();
      this.#goLive();
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) logger.error({ err: thrown }, "a connection could not be attached");
      if (this.#state === "connecting") this.#refuse(this.#connectId, asRefusal(thrown));
      else if (this.#state === "live") this.close(3004);
    }
  }

  #replaceOldest(): void {
    const others = this.#gate.hub.connectionsOf(this.user).filter((each) => each !== this);
    const tooMany = others.length + 1 - this.#gate.config.maxConnections;
    for (const oldest of others.slice(0, Math.max(0, tooMany))) oldest.close(4501);
  }

  #goLive(): void {
    if (this.#isOver()) return;
    this.#state = "live";
    const { wheel, config, timing } = this.#gate;
    this.#heart = new Heartbeat(wheel.now(), config.pingSeconds * 1_000, timing.pong, this.#expiresAt(this.#exp));
    wheel.place(this, this.#heart.next);
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const command of waiting) {
      if (this.#state !== "live") return;
      serve(command, this, this.#gate);
    }
  }

  /** When the token will have been over for too long. */
  #expiresAt(exp: number): number {
    const { wheel, timing } = this.#gate;
    return wheel.now() + (exp - Date.now()) + timing.expiry;
  }

  /** Answers connect with an error and waits a moment for the client to leave. */
  #refuse(id: number, refusal: Refusal, code: CloseCode = refusal.temporary ? 3004 : 3501): void {
    const { wheel, timing, metrics, hub } = this.#gate;
    if (this.#state === "connecting") hub.detach(this);
    this.#state = "refused";
    this.#waiting = undefined;
    this.#refusedCode = code;
    this.fail(id, refusal);
    metrics.refused(refusal.code);
    this.#until = wheel.now() + timing.refused;
    wheel.place(this, this.#until);
  }

  pong(): void {
    this.#heart?.pong();
  }

  renew(exp: number): void {
    if (this.#heart === undefined) return;
    this.#heart.expireAt(this.#expiresAt(exp));
    this.#gate.wheel.place(this, this.#heart.next);
  }

  due(now: number): number | null {
    if (this.#heart !== undefined) return this.#beat(this.#heart, now);
    if (this.#state === "closed") return null;
    if (now < this.#until) return this.#until;
    if (this.#state === "new") this.close(3502);
    else if (this.#state === "refused") this.close(this.#refusedCode);
    else {
      this.#refuse(this.#connectId, new Refusal(108, "connecting took too long"));
      return this.#until;
    }
    return null;
  }

  #beat(heart: Heartbeat, now: number): number | null {
    const beat = heart.beat(now);
    if (beat === "ping") this.publishShared(ping);
    else if (beat === "expired") this.close(3005);
    else if (beat === "silent") this.close(3012);
    return this.#state === "live" ? heart.next : null;
  }
}
