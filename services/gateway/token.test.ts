import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Algorithm, createSigner } from "fast-jwt";
import { expect, test } from "vitest";
import { createTokens, developmentSecret, signDevelopmentToken } from "./token.ts";

const secret = "0123456789abcdef0123456789abcdef";
const pem = { publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } } as const;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048, ...pem });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256", ...pem });
const now = Math.floor(Date.now() / 1_000);
const claims = { sub: "ann", exp: now + 60, iss: "us", aud: "app" };
const jwt = { secret, publicKey: null as string | null, issuer: null as string | null, audience: null as string | null };
const sign = (key: string, algorithm: Algorithm, payload: object = claims) =>
  createSigner({ key, algorithm })(payload as Record<string, unknown>);
const unsigned = (header: object, payload: object, signature = "") =>
  [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".") + `.${signature}`;
const without = (name: keyof typeof claims) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
/** HS256 signed with the text of a public key: what a server that mixes up algorithms would accept. */
const confused = (publicPem: string) => createSigner({ key: Buffer.from(`${publicPem} `), algorithm: "HS256" })(claims);

test.each([
  ["HS256 with the secret", jwt, sign(secret, "HS256"), "ok"],
  ["RS256 with the public key", { ...jwt, secret: null, publicKey: rsa.publicKey }, sign(rsa.privateKey, "RS256"), "ok"],
  ["ES256 with the public key", { ...jwt, publicKey: ec.publicKey }, sign(ec.privateKey, "ES256"), "ok"],
  ["HS256 beside a public key", { ...jwt, publicKey: ec.publicKey }, sign(secret, "HS256"), "ok"],
  ["HS512", jwt, sign(secret, "HS512"), "invalid"],
  ["PS256 with the key for RS256", { ...jwt, publicKey: rsa.publicKey }, sign(rsa.privateKey, "PS256"), "invalid"],
  ["RS256 with only a secret", jwt, sign(rsa.privateKey, "RS256"), "invalid"],
  ["HS256 with only a public key", { ...jwt, secret: null, publicKey: rsa.publicKey }, sign(secret, "HS256"), "invalid"],
  ["HS256 signed with the public key", { ...jwt, secret: null, publicKey: rsa.publicKey }, confused(rsa.publicKey), "invalid"],
  ["HS256 signed with the public key beside a secret", { ...jwt, publicKey: rsa.publicKey }, confused(rsa.publicKey), "invalid"],
  ["another secret", jwt, sign(`${secret}x`, "HS256"), "invalid"],
  ["alg none", jwt, unsigned({ alg: "none" }, claims), "invalid"],
  ["alg none with an issuer's blessing", { ...jwt, issuer: "us" }, unsigned({ alg: "None", typ: "JWT" }, claims, "AA"), "invalid"],
  ["no signature", jwt, unsigned({ alg: "HS256" }, claims), "invalid"],
  ["expired", jwt, sign(secret, "HS256", { ...claims, exp: now - 1 }), "expired"],
  ["expired and forged", jwt, sign(`${secret}x`, "HS256", { ...claims, exp: now - 1 }), "invalid"],
  ["expired and for somebody else", { ...jwt, audience: "other" }, sign(secret, "HS256", { ...claims, exp: now - 1 }), "invalid"],
  ["no exp", jwt, sign(secret, "HS256", without("exp")), "invalid"],
  ["an exp that is text", jwt, unsigned({ alg: "HS256" }, { ...claims, exp: "soon" }, "AA"), "invalid"],
  ["not yet valid", jwt, sign(secret, "HS256", { ...claims, nbf: now + 60 }), "invalid"],
  ["no sub", jwt, sign(secret, "HS256", without("sub")), "invalid"],
  ["a sub that is no user id", jwt, sign(secret, "HS256", { ...claims, sub: "a b" }), "invalid"],
  ["the issuer", { ...jwt, issuer: "us" }, sign(secret, "HS256"), "ok"],
  ["another issuer", { ...jwt, issuer: "them" }, sign(secret, "HS256"), "invalid"],
  ["no issuer", { ...jwt, issuer: "us" }, sign(secret, "HS256", without("iss")), "invalid"],
  ["one of several audiences", { ...jwt, audience: "app" }, sign(secret, "HS256", { ...claims, aud: ["web", "app"] }), "ok"],
  ["another audience", { ...jwt, audience: "web" }, sign(secret, "HS256"), "invalid"],
  ["no audience", { ...jwt, audience: "app" }, sign(secret, "HS256", without("aud")), "invalid"],
  ["no token at all", jwt, "hello", "invalid"],
])("%s", (_name, config, token, outcome) => {
  expect(createTokens(config)(token).outcome).toBe(outcome);
});

test("a development secret is made once, and its tokens live for a day", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "tokens-"));
  const made = await Promise.all([1, 2, 3].map(() => developmentSecret(join(dataDir, "new"))));
  expect(new Set(made).size).toBe(1);
  const path = join(dataDir, "new", "dev-secret");
  expect(await readFile(path, "utf8")).toBe(made[0]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const result = createTokens({ ...jwt, secret: made[0] ?? "" })(signDevelopmentToken("ann", made[0] ?? ""));
  expect(result).toMatchObject({ outcome: "ok", user: "ann" });
  const hours = result.outcome === "ok" ? (result.exp - Date.now()) / 3_600_000 : 0;
  expect(hours).toBeCloseTo(24, 2);
  await writeFile(path, "short");
  await expect(developmentSecret(join(dataDir, "new"))).rejects.toThrow("remove it");
  await rm(dataDir, { recursive: true });
});
