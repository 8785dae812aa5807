import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { ClickHouseError } from "./errors.ts";

/** Who asks: the server itself, or an analyst (`default` and `analyst`). */
export type User = "tributary" | "analyst" | "default";

interface Credentials {
  user: string;
  password: string;
}

const digest = (text: string) => createHash("sha256").update(text).digest();
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

const basicOf = (header: string): Credentials => {
  const text = Buffer.from(header.slice(6), "base64").toString("utf8");
  const colon = text.indexOf(":");
  return { user: colon < 0 ? text : text.slice(0, colon), password: colon < 0 ? "" : text.slice(colon + 1) };
};

const first = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** Name and password from the X-ClickHouse headers, Basic authorization or the URL, in this order; nobody named is `default`. */
const credentialsOf = (headers: IncomingHttpHeaders, params: URLSearchParams): Credentials => {
  const user = first(headers["x-clickhouse-user"]);
  const key = first(headers["x-clickhouse-key"]);
  if (user !== undefined || key !== undefined) return { user: user || "default", password: key ?? "" };
  const authorization = headers.authorization;
  if (authorization !== undefined && /^basic /i.test(authorization)) return basicOf(authorization);
  return { user: params.get("user") || "default", password: params.get("password") ?? "" };
};

export interface Passwords {
  tributary: string;
  /** Empty: none is needed. */
  analyst: string;
}

/** The user of a request. @throws ClickHouseError 516 AUTHENTICATION_FAILED, for an unknown user as for a wrong password */
export const authenticate = (headers: IncomingHttpHeaders, params: URLSearchParams, passwords: Passwords): User => {
  const { user, password } = credentialsOf(headers, params);
  const wanted = user === "tributary" ? passwords.tributary : passwords.analyst;
  const known = user === "tributary" || user === "analyst" || user === "default" || user === "";
  const open = wanted === "" && user !== "tributary";
  if (known && (open || same(password, wanted))) return user === "" ? "default" : (user as User);
  throw new ClickHouseError(
    516,
    "AUTHENTICATION_FAILED",
    `${user}: Authentication failed: password is incorrect, or there is no user with such name.`,
  );
};

const LOOPBACK = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/** Whether a `Host` header may be answered: on a loopback address only loopback names, so that no web page can rebind its name to us. */
export const hostAllowed = (boundTo: string, host: string | undefined): boolean => {
  const loopback = boundTo === "localhost" || boundTo === "::1" || boundTo.startsWith("127.");
  return !loopback || (host !== undefined && LOOPBACK.test(host));
};
