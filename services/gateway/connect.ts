import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Refusal } from "#shared/wire/errors.ts";
import { MAX_BODY_BYTES, Positions } from "#shared/wire/values.ts";
import type { ConnectionConfig } from "./context.ts";
import type { Attached, AttachRequest } from "./ports.ts";
import { type ConnectRequest, MAX_COMMAND_BYTES, MAX_CONNECT_BYTES, MAX_FRAME_BYTES } from "./protocol.ts";
import { wrongWith } from "./wording.ts";

/** Names the server to SDKs; any text will do. */
export const SERVER_VERSION = "tributary 0.1";

/** A ttl must fit a signed 32-bit number of seconds in every SDK. */
const MAX_TTL_SECONDS = 2 ** 31 - 1;
/** An SDK asks for a new token this long before the old one ends, or a tenth of its life if that is less. */
const REFRESH_AHEAD_MS = 30_000;

/** `connect.data`: what an app says of its device. Fields it adds later are ignored. */
const ConnectData = Type.Object({
  device: Type.Optional(Type.Union(["ios", "android", "web", "desktop", "bot"].map((device) => Type.Literal(device)))),
  deviceId: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  positions: Type.Optional(Positions),
  push: Type.Optional(Type.Union([Type.Literal("full"), Type.Literal("notify")])),
});
type ConnectData = Static<typeof ConnectData>;
const connectData = Compile(ConnectData);

/** What the hub has to know of a connect command. Throws 107. */
export function attachRequestOf(request: ConnectRequest): AttachRequest {
  const data = request.data ?? {};
  if (!connectData.Check(data)) throw new Refusal(107, wrongWith(ConnectData, connectData.Errors(data), "data"));
  const { device, deviceId, positions, push } = data as ConnectData;
  return {
    sdkPositions: sdkPositions(request.subs ?? {}),
    storedPositions: positions ?? null,
    push: push === "notify" ? "notify" : "full",
    ...(device === undefined ? {} : { device }),
    ...(deviceId === undefined ? {} : { deviceId }),
  };
}

/** Some SDKs also send channels that can't be recovered, without `recover`: those are no positions. */
function sdkPositions(subs: NonNullable<ConnectRequest["subs"]>): Positions | null {
  const entries = Object.entries(subs);
  if (entries.length === 0) return null;
  return Object.fromEntries(
    entries
      .filter(([, { recover }]) => recover === true)
      .map(([channel, { epoch, offset }]) => [channel, { epoch: epoch ?? "", offset: offset ?? 0 }]),
  );
}

/** Whole seconds after which the SDK asks for a new token: before the old one ends at `exp` (Unix ms), and at least 1. */
function ttlOf(exp: number): number {
  const left = exp - Date.now();
  const ttl = Math.floor((left - Math.min(REFRESH_AHEAD_MS, left / 10)) / 1_000);
  return Math.max(1, Math.min(ttl, MAX_TTL_SECONDS));
}

/** The ConnectResult as JSON text. */
export function connectResult(of: { client: string; user: string; exp: number; attached: Attached; config: ConnectionConfig }): string {
  const { client, user, exp, attached, config } = of;
  const { subsJson, unwatched } = attached;
  const more = unwatched.length === 0 ? "" : `,"unwatched":${JSON.stringify(unwatched)}`;
  const data = `{"user":${JSON.stringify(user)},"session":"${client}","time":${Date.now()},"limits":${limitsOf(config)}${more}}`;
  return `${refreshResult(client, exp).slice(0, -1)},"ping":${config.pingSeconds},"pong":true,"data":${data},"subs":${subsJson}}`;
}

/** The RefreshResult as JSON text. */
export function refreshResult(client: string, exp: number): string {
  return JSON.stringify({ client, version: SERVER_VERSION, expires: true, ttl: ttlOf(exp) });
}

const limits = new WeakMap<ConnectionConfig, string>();

/** JSON text; made once, for every connection is told. */
function limitsOf(config: ConnectionConfig): string {
  return limits.getOrInsertComputed(config, () =>
    JSON.stringify({
      commandBytes: MAX_COMMAND_BYTES,
      connectBytes: MAX_CONNECT_BYTES,
      frameBytes: MAX_FRAME_BYTES,
      bodyBytes: MAX_BODY_BYTES,
      connections: config.maxConnections,
      ...(config.rateLimits ? { sendsPerSecond: config.rateSends, sendsBurst: config.rateSendsBurst, rpcsPerSecond: config.rateRpcs } : {}),
    }),
  );
}
