import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { settings } from "#shared/run/config.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const compose = read("infra/compose.yaml");
const dockerfile = read("Dockerfile");
/** Settings of other programs. */
const foreign = new Set(["NODE_OPTIONS"]);

test("containers are given settings that there are", () => {
  const shared = /^x-settings:[^\n]*\n((?: {2}[^\n]*\n)+)/m.exec(compose)?.[1] ?? "";
  const named = [...shared.matchAll(/^ {2}([A-Z_0-9]+):/gm), ...compose.matchAll(/<<: \*settings, ([A-Z_]+):/g)].map(
    ([, name = ""]) => name,
  );
  const inImage = [...(/^ENV (.+)$/m.exec(dockerfile)?.[1] ?? "").matchAll(/([A-Z_]+)=/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(6);
  expect(inImage).toContain("HOST");
  for (const name of [...named, ...inImage]) if (!foreign.has(name)) expect(Object.keys(settings)).toContain(name);
});

test("what containers are given of this repository is there", () => {
  const mounted = [...compose.matchAll(/"?(\.\/monitoring\/[^:"]+):/g)].map(([, path = ""]) => join(root, "infra", path));
  const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)]
    .flatMap(([, paths = ""]) => paths.split(" "))
    .map((path) => join(root, path));
  expect(mounted.length).toBeGreaterThan(3);
  for (const path of [...mounted, ...copied]) expect({ path, there: existsSync(path) }).toEqual({ path, there: true });
});
