import { createHmac } from "node:crypto";

/** Secret of the servers that a load test starts: tokens are signed here, not asked for one by one. */
export const LOAD_SECRET = "a secret of load tests only, long enough for HS256";

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const head = base64url({ alg: "HS256", typ: "JWT" });

/** A token of the user's for a day. */
export function tokenOf(user: string, secret: string = LOAD_SECRET): string {
  const signed = `${head}.${base64url({ sub: user, exp: Math.floor(Date.now() / 1_000) + 86_400 })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
