import type { ReferenceOptions } from "../reference/start.ts";

export const BARE_SCRIPT = "the same + a script";

/** Bare servers that chat is measured beside, each doing a little more than the one before. */
export const bareServers: readonly (readonly [name: string, options: ReferenceOptions])[] = [
  ["ws", {}],
  ["ws, frames gathered", { gathered: true }],
  [BARE_SCRIPT, { gathered: true, durability: "everysec" }],
];
