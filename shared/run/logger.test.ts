import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

function linesOf(level: "info" | "debug", write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger(level, { role: "gateway" }, { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a line is JSON with level, role, fields and message", () => {
  const [line] = linesOf("info", (logger) => logger.child({ node: "a" }).info({ port: 8080 }, "listening"));
  expect(line).toMatchObject({ level: "info", role: "gateway", node: "a", port: 8080, msg: "listening" });
});

test("what is below the level is not written", () => {
  expect(linesOf("info", (logger) => logger.debug("detail"))).toEqual([]);
});

test("an error keeps its stack, a secret is blanked", () => {
  const [line] = linesOf("info", (logger) =>
    logger.error({ err: new Error("broke"), token: "t", connect: { token: "t" } }, "connect failed"),
  );
  expect(line).toMatchObject({ err: { message: "broke" }, token: "[hidden]", connect: { token: "[hidden]" } });
  expect(line).toMatchObject({ err: { stack: expect.stringContaining("logger.test.ts") as string } });
});
