import { Refusal } from "#shared/wire/errors.ts";
import type { Hub, Outlet } from "./ports.ts";
import type { Command, HistoryBody } from "./protocol.ts";

/** Commands about a channel, answered by the hub. */
export type ChannelCommand = Extract<Command, { kind: "subscribe" | "unsubscribe" | "history" | "presence" | "presence_stats" }>;

export function isChannelCommand(command: Command): command is ChannelCommand {
  const { kind } = command;
  return kind === "subscribe" || kind === "unsubscribe" || kind === "history" || kind === "presence" || kind === "presence_stats";
}

/** The result of a channel command as JSON text; throws a `Refusal`. */
export async function answerChannel(command: ChannelCommand, hub: Hub, outlet: Outlet): Promise<string> {
  switch (command.kind) {
    case "subscribe":
      throw (await hub.holds(outlet, command.body.channel)) ? new Refusal(105, "the server holds this channel") : new Refusal(102);
    case "unsubscribe":
      return unsubscribe(command.body.channel, hub, outlet);
    case "history":
      return hub.history(outlet, historyRequest(command.body));
    case "presence":
      return JSON.stringify({ presence: await hub.presence(outlet, command.body.channel) });
    case "presence_stats":
      return stats(await hub.presence(outlet, command.body.channel));
  }
}

/** Leaving a channel that one is not in is done at once: SDKs reconnect on an error here. Those held by the server can't be left. */
async function unsubscribe(channel: string, hub: Hub, outlet: Outlet): Promise<string> {
  if (await holds(channel, hub, outlet)) throw new Refusal(103, "the server holds this channel");
  return "{}";
}

async function holds(channel: string, hub: Hub, outlet: Outlet): Promise<boolean> {
  try {
    return await hub.holds(outlet, channel);
  } catch (thrown) {
    if (thrown instanceof Refusal && (thrown.code === 102 || thrown.code === 103)) return false;
    throw thrown;
  }
}

function historyRequest({ channel, limit, since, reverse }: HistoryBody) {
  return {
    channel,
    limit: Math.max(-1, limit ?? 0),
    reverse: reverse ?? false,
    ...(since === undefined || since === null ? {} : { since: { offset: since.offset ?? 0, epoch: since.epoch ?? "" } }),
  };
}

function stats(presence: Record<string, { user: string }>): string {
  const clients = Object.values(presence);
  return JSON.stringify({ num_clients: clients.length, num_users: new Set(clients.map(({ user }) => user)).size });
}
