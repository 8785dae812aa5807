import { hmac } from "k6/crypto";
import { b64encode } from "k6/encoding";
import http from "k6/http";
import { settings } from "./settings.ts";

const head = b64encode(JSON.stringify({ alg: "HS256", typ: "JWT" }), "rawurl");
const known = new Map<string, string>();

/** A token of the user's for a day: signed here where the secret is known, else from a server in development. */
export function tokenOf(user: string): string {
  let token = known.get(user);
  if (token === undefined) {
    token = settings.secret === "" ? ask(user) : sign(user);
    known.set(user, token);
  }
  return token;
}

function sign(user: string): string {
  const signed = `${head}.${b64encode(JSON.stringify({ sub: user, exp: Math.floor(Date.now() / 1_000) + 86_400 }), "rawurl")}`;
  return `${signed}.${hmac("sha256", settings.secret, signed, "base64rawurl")}`;
}

function ask(user: string): string {
  const url = `${settings.url}/v1/dev/token`;
  const { status, body } = http.post(url, JSON.stringify({ user }), { headers: { "Content-Type": "application/json" } });
  if (status !== 200) throw new Error(`${url} answered ${status}: give LOAD_SECRET, or the address of a running server in development`);
  return (JSON.parse(body as string) as { token: string }).token;
}
