import type { ReferenceOptions } from "../reference/start.ts";

/** Bare servers that chat is measured beside, each doing a little more than the one before. */
export const bareServers: readonly (readonly [name: string, options: ReferenceOptions])[] = [
  ["ws", {}],
  ["ws, frames gathered", { gathered: true }],
  ["the same + a script", { gathered: true, durability: "everysec" }],
];
