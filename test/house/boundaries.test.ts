import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** Which of these files, each importing one thing, the house's lint rules refuse for that import. */
function refused(files: readonly (readonly [path: string, imported: string])[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), "tributary-house-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  cpSync(join(root, ".oxlintrc.json"), join(dir, ".oxlintrc.json"));
  for (const [path, imported] of files) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), `import { thing } from "${imported}";\nthing();\n`);
  }
  const { stdout } = spawnSync(join(root, "node_modules/.bin/oxlint"), ["--format", "json"], { cwd: dir, encoding: "utf8" });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
  return diagnostics.filter(({ code }) => code.includes("no-restricted-imports")).map(({ filename }) => filename);
}

/** Gives each case a file name of its own, so that several may stand in one folder. */
const cases = (pairs: readonly [folder: string, imported: string][]) =>
  pairs.map(([folder, imported], n) => [`${folder}/case-${n}.ts`, imported] as const);

test("what crosses a boundary is refused", () => {
  const files = cases([
    ["services/gateway", "#services/writer/index.ts"],
    ["services/gateway", "../writer/index.ts"],
    ["services/fanout/deeper", "../../timeline/index.ts"],
    ["shared/hot", "#services/gateway/index.ts"],
    ["infra/redis", "../../services/gateway/index.ts"],
    ["services/gateway", "ioredis"],
    ["services", "ioredis"],
    ["shared/run", "ioredis"],
    ["shared/cold", "ioredis"],
    ["services/archive", "@clickhouse/client"],
    ["shared/hot", "@clickhouse/client"],
    ["infra/clickhouse", "@clickhouse/client"],
    ["shared/cold", "chdb"],
    ["services/archive", "chdb"],
    ["test/contract", "chdb"],
    ["services/relation", "neo4j-driver"],
    ["infra/graph", "neo4j-driver"],
    ["shared/graph", "@ladybugdb/core"],
    ["shared/log", "kafkajs"],
    ["services/fanout", "kafkajs"],
    ["infra/kafka", "kafkajs"],
    ["test/contract", "@ladybugdb/core"],
  ]);
  expect(refused(files).toSorted()).toEqual(files.map(([path]) => path).toSorted());
});

test("what stays in its home is taken", () => {
  const files = cases([
    ["services", "#services/gateway/index.ts"],
    ["services/gateway", "./connection.ts"],
    ["services/gateway/deeper", "../connection.ts"],
    ["services/gateway", "#shared/wire/values.ts"],
    ["shared/hot", "ioredis"],
    ["shared/ids", "ioredis"],
    ["infra/redis", "ioredis"],
    ["test/fault", "ioredis"],
    ["shared/cold", "@clickhouse/client"],
    ["test/contract", "@clickhouse/client"],
    ["infra/clickhouse", "chdb"],
    ["infra/graph", "@ladybugdb/core"],
    ["shared/graph", "neo4j-driver"],
    ["test/contract", "neo4j-driver"],
    ["test/contract", "kafkajs"],
    ["test/support", "#services/gateway/index.ts"],
  ]);
  expect(refused(files)).toEqual([]);
});
