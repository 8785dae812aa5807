import type { Config } from "#shared/run/config.ts";

/** What a person sees when the server is up. */
export function welcome(config: Config, http: string | null, clickhouse: string): string {
  if (http === null) return `Tributary runs ${config.roles.join(", ")}.\n`;
  const socket = http.replace(/^http/, "ws");
  const lines = [
    "",
    `  Tributary listens on   ${http}`,
    `  WebSocket              ${socket}/connection/websocket`,
    `  Methods and events     ${http}/docs`,
    `  History in SQL         ${clickhouse}  (database tributary)`,
  ];
  if (config.development) {
    lines.push(`  A token                curl -s ${http}/v1/dev/token -H 'Content-Type: application/json' -d '{"user":"ann"}'`);
  }
  return `${lines.join("\n")}\n\n`;
}
