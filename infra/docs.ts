import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dashboard } from "./monitoring/dashboard.ts";
import { capacityPage } from "../loadtest/capacity/page.ts";
import { metricsPage, settingsPage } from "./reference/running.ts";
import { tablesPage } from "./reference/tables.ts";
import { errorsPage, eventsPage, methodsPage } from "./reference/wire.ts";

/** The reference pages, made from the code: `node infra/docs.ts` writes them. */
export async function referencePages(): Promise<Record<string, string>> {
  return {
    "errors.md": errorsPage(),
    "events.md": eventsPage(),
    "methods.md": methodsPage(),
    "metrics.md": await metricsPage(),
    "settings.md": settingsPage(),
    "tables.md": tablesPage(),
  };
}

export const referenceDirectory = join(import.meta.dirname, "../docs/reference");

/** Pages beside the reference that are made from figures. */
export const capacityFile = join(import.meta.dirname, "../docs/capacity.md");

/** Grafana's dashboard, made from its description. */
export const dashboardFile = join(import.meta.dirname, "monitoring/grafana/dashboards/tributary.json");
export const dashboardText = (): string => `${JSON.stringify(dashboard(), null, 2)}\n`;

if (import.meta.main) {
  await writeFile(dashboardFile, dashboardText());
  await writeFile(capacityFile, capacityPage());
  await mkdir(referenceDirectory, { recursive: true });
  for (const [name, text] of Object.entries(await referencePages())) await writeFile(join(referenceDirectory, name), text);
}
