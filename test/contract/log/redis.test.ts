import { afterAll, beforeAll } from "vitest";
import { committedContract } from "./committed.ts";
import { sendsContract } from "./sends.ts";
import { startRedisLogs, type TestLogs } from "./servers.ts";

let world: TestLogs;
beforeAll(async () => void (world = await startRedisLogs()));
afterAll(() => world?.[Symbol.asyncDispose]());

committedContract(() => world);
sendsContract(() => world);
