import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
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

if (import.meta.main) {
  await mkdir(referenceDirectory, { recursive: true });
  for (const [name, text] of Object.entries(await referencePages())) await writeFile(join(referenceDirectory, name), text);
}
