import { createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { isSocketPath, parseClusterUrl } from "./redis-url.ts";

/**
 * One setting of the environment. The printable half (`type`, `default`, `range`, `description`) is what the docs are made from; `read` turns
 * the text, or its absence, into a value, or throws a `Refusal` that says what to give instead.
 */
export interface Setting<T> {
  type: string;
  /** As it would be written in the environment; `null` where leaving it out means "none". */
  default: string | null;
  range: string;
  description: string;
  /** Its value must not be shown, and an empty one is refused rather than taken as left out. */
  secret: boolean;
  read: (text: string | undefined) => T;
}

/** Thrown by `read`: `advice` completes the sentence "NAME is …: ", and never repeats the value. */
export class Refusal extends Error {
  readonly advice: string;
  constructor(advice: string) {
    super(advice);
    this.advice = advice;
  }
}

interface Kind<T> {
  type: string;
  range: string;
  secret?: boolean;
  parse: (text: string) => T;
}

function withDefault<T>(kind: Kind<T>, fallback: string, description: string): Setting<T> {
  const { type, range, parse } = kind;
  return { type, range, description, default: fallback, secret: kind.secret ?? false, read: (text) => parse(text ?? fallback) };
}

function optional<T>(kind: Kind<T>, description: string): Setting<T | null> {
  const { type, range, parse } = kind;
  const read = (text: string | undefined) => (text === undefined ? null : parse(text));
  return { type, range, description, default: null, secret: kind.secret ?? false, read };
}

const pretty = (value: number) => value.toLocaleString("en-US");

/** A whole number from `from` to `to`, both included. */
export function integer(fallback: number, from: number, to: number, description: string): Setting<number> {
  const range = `${pretty(from)}–${pretty(to)}`;
  const parse = (text: string) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < from || value > to) throw new Refusal(`give a whole number from ${pretty(from)} to ${pretty(to)}`);
    return value;
  };
  return withDefault({ type: "whole number", range, parse }, String(fallback), description);
}

/** One of a closed list of words; the first is the default. */
export function choice<const W extends string>(words: readonly [W, ...W[]], description: string, fallback: W = words[0]): Setting<W> {
  const parse = (text: string) => {
    const word = words.find((each) => each === text);
    if (word === undefined) throw new Refusal(`give one of ${words.join(", ")}`);
    return word;
  };
  return withDefault({ type: "word", range: words.join(" | "), parse }, fallback, description);
}

export function flag(fallback: boolean, description: string): Setting<boolean> {
  const parse = (text: string) => {
    if (text !== "on" && text !== "off") throw new Refusal("give on or off");
    return text === "on";
  };
  return withDefault({ type: "switch", range: "on | off", parse }, fallback ? "on" : "off", description);
}

const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; written as seconds (`90`) or with a unit (`90s`, `15m`, `1h`, `1d`). `from` and `to` in milliseconds. */
export function duration(fallback: string, from: number, to: number, description: string): Setting<number> {
  const parse = (text: string) => {
    const [, digits = "", unit = "s"] = /^(\d+)([smhd])?$/.exec(text) ?? [];
    const value = Number(digits) * (unitMs[unit] ?? Number.NaN);
    if (digits === "" || value < from || value > to)
      throw new Refusal(`give seconds or a time such as 90s, 15m, 1h, from ${from / 1000} s to ${to / 1000} s`);
    return value;
  };
  const range = `${pretty(from / 1000)}–${pretty(to / 1000)} s`;
  return withDefault({ type: "time", range, parse }, fallback, description);
}

/** A comma-separated list of words of a closed list, without repeats, in the order of the closed list; left out means all of them. */
export function someOf<const W extends string>(words: readonly W[], description: string): Setting<readonly W[]> {
  const parse = (text: string) => {
    const given = text.split(",").map((each) => each.trim());
    const unknown = given.find((each) => !words.some((word) => word === each));
    if (unknown !== undefined)
      throw new Refusal(`${JSON.stringify(unknown)} is not known, give a comma-separated list of ${words.join(", ")}`);
    return words.filter((word) => given.includes(word));
  };
  return withDefault({ type: "list of words", range: words.join(", "), parse }, words.join(","), description);
}

/** A URL of one of `protocols` (with colon: `redis:`), kept as it was written. */
export function url(protocols: readonly string[], description: string): Setting<string | null> {
  const names = protocols.map((protocol) => `${protocol}//…`).join(" or ");
  const parse = (text: string) => {
    const parsed = URL.parse(text);
    if (parsed === null || !protocols.includes(parsed.protocol) || parsed.hostname === "") throw new Refusal(`give a URL like ${names}`);
    return text;
  };
  return optional({ type: "URL", range: names, parse }, description);
}

/** One Redis, by its URL or the path of its socket, or the nodes of a Redis Cluster. */
export function redisUrl(description: string): Setting<string | null> {
  const protocols = ["redis:", "rediss:"];
  const names = "redis://host:port, rediss://…, redis+cluster://host:port,host:port, or the absolute path of a socket";
  const parse = (text: string) => {
    const parsed = URL.parse(text);
    const single = parsed !== null && protocols.includes(parsed.protocol) && parsed.hostname !== "" && !text.includes(",");
    if (!single && !isSocketPath(text) && parseClusterUrl(text) === null) throw new Refusal(`give a URL like ${names}`);
    return text;
  };
  return optional({ type: "URL", range: names, parse }, description);
}

/** Plain text of 1 to 1,024 characters, nothing to check but that. */
export function text(description: string): Setting<string | null> {
  return optional({ type: "text", range: "1–1,024 characters", parse: (given) => limited(given, 1_024) }, description);
}

/** Like `text`, but never shown. */
export function password(description: string): Setting<string | null> {
  const parse = (given: string) => limited(given, 1_024);
  return optional({ type: "password", range: "1–1,024 characters", secret: true, parse }, description);
}

function limited(given: string, characters: number): string {
  if (given.length === 0 || given.length > characters) throw new Refusal(`give 1 to ${pretty(characters)} characters`);
  return given;
}

/** A secret that signs: at least 32 bytes of UTF-8. */
export function signingSecret(description: string): Setting<string | null> {
  const parse = (given: string) => {
    if (Buffer.byteLength(given) < 32) throw new Refusal("give at least 32 bytes, such as the output of: openssl rand -hex 32");
    return given;
  };
  return optional({ type: "secret", range: "at least 32 bytes", secret: true, parse }, description);
}

/** An absolute path, resolved against the working directory. */
export function directory(fallback: string, description: string): Setting<string> {
  const parse = (given: string) => {
    if (given.includes("\0")) throw new Refusal("give the path of a directory");
    return resolve(given);
  };
  return withDefault({ type: "path", range: "a directory, made when missing", parse }, fallback, description);
}

/** An address or host name to listen on, IPv6 without its brackets. */
export function host(fallback: string, description: string): Setting<string> {
  const parse = (given: string) => {
    const name = given.replace(/^\[(.*)\]$/, "$1");
    if (isIP(name) === 0 && !/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(name))
      throw new Refusal("give an IP address or a host name, without scheme or port");
    return name;
  };
  return withDefault({ type: "address", range: "an IP address or host name", parse }, fallback, description);
}

/** Comma-separated browser origins, as a browser writes them (lower case, no default port, no path); `*` stands for any. */
export function origins(description: string): Setting<readonly string[] | null> {
  const parse = (given: string) => [...new Set(given.split(",").map((each) => originOf(each.trim())))];
  return optional({ type: "list of origins", range: "https://app.example.com, … or *", parse }, description);
}

function originOf(given: string): string {
  if (given === "*") return given;
  const bare = given.replace(/\/$/, "").toLowerCase();
  const parsed = URL.parse(bare);
  if (parsed === null || !/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]+$/.test(bare))
    throw new Refusal(`${JSON.stringify(given)} is not an origin, give a comma-separated list such as https://app.example.com`);
  return parsed.origin === "null" ? bare : parsed.origin;
}

/** Comma-separated servers, each `host:port`. */
export function servers(description: string): Setting<readonly string[] | null> {
  const parse = (given: string) => [...new Set(given.split(",").map((each) => serverOf(each.trim())))];
  return optional({ type: "list of servers", range: "host:port, …", parse }, description);
}

function serverOf(given: string): string {
  const parsed = URL.parse(`kafka://${given}`);
  if (parsed === null || parsed.host !== given.toLowerCase() || parsed.port === "")
    throw new Refusal(`${JSON.stringify(given)} is not host:port, give a comma-separated list such as kafka-1:9092,kafka-2:9092`);
  return given;
}

const keyAdvice = "give a public key as PEM text or the path of a PEM file: RSA of at least 2,048 bits (RS256) or EC P-256 (ES256)";

/** The public half of a signing key as SPKI PEM; given as PEM text (`\n` may be written out) or as the path of a PEM file. */
export function publicKey(description: string): Setting<string | null> {
  const parse = (given: string) => {
    const pem = given.includes("-----BEGIN") ? given.replaceAll("\\n", "\n") : fileText(given);
    if (pem.includes("PRIVATE KEY-----")) throw new Refusal("it holds a private key, give only the public one");
    const key = keyOf(pem);
    if (!verifies(key)) throw new Refusal(keyAdvice);
    return key.export({ type: "spki", format: "pem" }).toString();
  };
  return optional({ type: "public key", range: "PEM text or a path; RSA ≥ 2,048 bits or EC P-256", secret: true, parse }, description);
}

function fileText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new Refusal(`the file it names can't be read (${code}), ${keyAdvice}`);
  }
}

function keyOf(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new Refusal(keyAdvice);
  }
}

function verifies(key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa") return (details.modulusLength ?? 0) >= 2_048;
  return key.asymmetricKeyType === "ec" && details.namedCurve === "prime256v1";
}
