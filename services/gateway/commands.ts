import { asRefusal, Refusal } from "#shared/wire/errors.ts";
import { answerChannel, type ChannelCommand, isChannelCommand } from "./channel-commands.ts";
import { refreshResult } from "./connect.ts";
import type { Gate } from "./context.ts";
import type { Outlet } from "./ports.ts";
import type { Command } from "./protocol.ts";

/** Calls of one connection that may wait for their answer at once. */
const MAX_PENDING = 1_000;

/** A connection past its connect reply, as commands need it. */
export interface Session extends Outlet {
  /** Calls that wait for their answer. */
  pending: number;
  /** Answers a command with its result; `kind` names the result object. */
  reply(id: number, kind: string, resultJson: string): void;
  /** Answers an rpc. */
  replyRpc(id: number, dataJson: string): void;
  /** Answers a command with an error. */
  fail(id: number, refusal: Refusal): void;
  /** The client has answered a ping. */
  pong(): void;
  /** The client's new token ends at `exp` (Unix ms). */
  renew(exp: number): void;
}

type Named<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** Serves one command of a connected client. An rpc `message.send` has been started when this returns. */
export function serve(command: Command, session: Session, gate: Gate): void {
  if (command.kind === "rpc") rpc(command, session, gate);
  else if (command.kind === "pong") session.pong();
  else if (isChannelCommand(command)) void channel(command, session, gate);
  else if (command.kind === "refresh") refresh(command, session, gate);
  else if (command.kind === "ping") session.reply(command.id, "ping", "{}");
  else if (command.kind === "publish") deny(command.id, new Refusal(103, "use the rpc message.send"), session, gate);
  else if (command.kind === "refused") deny(command.id, command.refusal, session, gate);
}

function deny(id: number, refusal: Refusal, session: Session, { metrics }: Gate): void {
  metrics.refused(refusal.code);
  session.fail(id, refusal);
}

function rpc({ id, body, bytes }: Named<"rpc">, session: Session, gate: Gate): void {
  if (session.pending >= MAX_PENDING) return deny(id, new Refusal(111), session, gate);
  session.pending += 1;
  gate.calls.run(body.method, body.data, bytes, { user: session.user, session: session.client }, (refusal, resultJson) => {
    session.pending -= 1;
    if (refusal === undefined) session.replyRpc(id, resultJson);
    else session.fail(id, refusal);
  });
}

async function channel(command: ChannelCommand, session: Session, gate: Gate): Promise<void> {
  if (session.pending >= MAX_PENDING) return deny(command.id, new Refusal(111), session, gate);
  session.pending += 1;
  try {
    gate.calls.spend(session.user);
    session.reply(command.id, command.kind, await answerChannel(command, gate.hub, session));
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) gate.logger.error({ err: thrown, kind: command.kind }, "a command failed unexpectedly");
    deny(command.id, asRefusal(thrown), session, gate);
  } finally {
    session.pending -= 1;
  }
}

/** SDKs end for good on an error here, and reconnect with a newer token on close 3005. */
function refresh({ id, body }: Named<"refresh">, session: Session, { verify }: Gate): void {
  const result = verify(body.token ?? "");
  if (result.outcome === "expired") return session.close(3005);
  if (result.outcome === "invalid" || result.user !== session.user) return session.close(3500);
  session.renew(result.exp);
  session.reply(id, "refresh", refreshResult(session.client, result.exp));
}
