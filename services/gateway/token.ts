import { createPublicKey, randomBytes } from "node:crypto";
import { link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Algorithm, createSigner, createVerifier, TokenError } from "fast-jwt";
import type { Config } from "#shared/run/config.ts";
import { isUserId } from "./user.ts";

/** What a token says. `exp` is Unix ms. */
export type TokenResult = { outcome: "ok"; user: string; exp: number } | { outcome: "expired" } | { outcome: "invalid" };

const DEVELOPMENT_TOKEN_MS = 24 * 3_600_000;
/** A clock of the token's maker that is a little ahead does no harm. */
const CLOCK_TOLERANCE_MS = 5_000;
const MAX_TOKEN_LENGTH = 16_384;

type Verify = (token: string) => unknown;

/** Checks tokens: HS256 with the secret, RS256 or ES256 with the public key, each algorithm only with its own. Throws on a key of another kind. */
export function createTokens(jwt: Config["jwt"]): (token: string) => TokenResult {
  const verifiers: Verify[] = [];
  if (jwt.secret !== null) verifiers.push(verifier(jwt, jwt.secret, "HS256"));
  if (jwt.publicKey !== null) verifiers.push(verifier(jwt, jwt.publicKey, algorithmOf(jwt.publicKey)));
  return (token) => {
    const payload = verified(verifiers, token);
    return payload === undefined ? { outcome: "invalid" } : judged(payload);
  };
}

function verifier(jwt: Config["jwt"], key: string, algorithm: Algorithm): Verify {
  return createVerifier({
    key,
    algorithms: [algorithm],
    ignoreExpiration: true,
    clockTolerance: CLOCK_TOLERANCE_MS,
    requiredClaims: ["sub", "exp", ...(jwt.issuer === null ? [] : ["iss"]), ...(jwt.audience === null ? [] : ["aud"])],
    ...(jwt.issuer === null ? {} : { allowedIss: jwt.issuer }),
    ...(jwt.audience === null ? {} : { allowedAud: jwt.audience }),
  });
}

function algorithmOf(publicKey: string): Algorithm {
  const type = createPublicKey(publicKey).asymmetricKeyType;
  if (type === "rsa") return "RS256";
  if (type === "ec") return "ES256";
  throw new Error(`a public key of type ${type} does not verify tokens`);
}

/** The payload by the first key whose algorithm the token names, or undefined. */
function verified(verifiers: Verify[], token: string): unknown {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  for (const verify of verifiers) {
    try {
      return verify(token);
    } catch (error) {
      if (!(error instanceof TokenError) || error.code !== TokenError.codes.invalidAlgorithm) return undefined;
    }
  }
  return undefined;
}

function judged(payload: unknown): TokenResult {
  if (typeof payload !== "object" || payload === null || !("sub" in payload) || !("exp" in payload)) return { outcome: "invalid" };
  const { sub, exp } = payload;
  if (!isUserId(sub)) return { outcome: "invalid" };
  if (typeof exp !== "number" || !Number.isFinite(exp)) return { outcome: "invalid" };
  return exp * 1_000 <= Date.now() ? { outcome: "expired" } : { outcome: "ok", user: sub, exp: exp * 1_000 };
}

/** Signs a development token of 24 h. */
export function signDevelopmentToken(user: string, secret: string): string {
  return createSigner({ key: secret, algorithm: "HS256", expiresIn: DEVELOPMENT_TOKEN_MS })({ sub: user });
}

/** The random secret of a development server, kept in `dataDir/dev-secret` so that tokens outlive a restart. Made once, whole or not at all. */
export async function developmentSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, "dev-secret");
  const kept = await readSecret(path);
  if (kept !== undefined) return kept;
  await mkdir(dataDir, { recursive: true });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await writeFile(draft, randomBytes(32).toString("hex"), { mode: 0o600, flag: "wx" });
  try {
    await link(draft, path);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  } finally {
    await unlink(draft);
  }
  const made = await readSecret(path);
  if (made === undefined) throw new Error(`${path} is gone again`);
  return made;
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(path, "utf8")).trim();
    if (secret.length < 32) throw new Error(`${path} holds no secret of at least 32 characters: remove it to have a new one made`);
    return secret;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
