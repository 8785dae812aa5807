/**
 * Whether a browser page of `origin` may use the server: one of `allowed` (`*` is any), or, with `allowed` null, only the server's own, which
 * is told by the `Host` header.
 */
export function isOriginAllowed(origin: string, host: string | undefined, allowed: readonly string[] | null): boolean {
  if (allowed !== null) return allowed.includes("*") || allowed.includes(origin.toLowerCase());
  return host !== undefined && URL.parse(origin)?.host === host.toLowerCase();
}
