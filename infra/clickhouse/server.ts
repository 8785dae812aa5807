/**
 * The embedded ClickHouse as a process: `node infra/clickhouse/server.ts` with the settings of `settings.ts` in the environment.
 * Prints one line of JSON, `{ "port": … }`, when it listens (and sends it to a parent over IPC); ends in order on SIGTERM, SIGINT,
 * or when its parent is gone.
 */
import { mkdirSync, rmSync } from "node:fs";
import { once } from "node:events";
import { setPriority } from "node:os";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { untilTold } from "../told.ts";
import { type Engine, openEngine } from "./engine.ts";
import { ClickHouseError } from "./errors.ts";
import { createHttp } from "./http.ts";
import { makePipes } from "./pipe.ts";
import type { Lanes } from "./plan.ts";
import { createLane } from "./pool.ts";
import { type AnalystRules, analystLimits } from "./rules.ts";
import { createHttpSessions } from "./sessions.ts";
import { type ServerSettings, readSettings } from "./settings.ts";

/**
 * Behind the messages that wait for an answer: where cores are few, an insert that comes a little later is seen by nobody. What the engine starts
 * later takes its priority from here.
 */
const NICENESS = 5;
setPriority(NICENESS);

const OWN_WAITING = 10_000;

const full = (waiting: number) => () =>
  new ClickHouseError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", `Too many simultaneous queries. Maximum: ${waiting} waiting`);

const lanesOf = (settings: ServerSettings): Lanes => {
  const { writePlaces, readPlaces, analystPlaces, analystWaiting } = settings;
  const pipes = makePipes(join(settings.dir, "pipes"), writePlaces + readPlaces + analystPlaces);
  return {
    write: createLane("write", pipes.slice(0, writePlaces), OWN_WAITING, full(OWN_WAITING)),
    read: createLane("read", pipes.slice(writePlaces, writePlaces + readPlaces), OWN_WAITING, full(OWN_WAITING)),
    analyst: createLane("analyst", pipes.slice(writePlaces + readPlaces), analystWaiting, full(analystWaiting)),
  };
};

const rulesOf = async (engine: Engine, settings: ServerSettings): Promise<AnalystRules> => {
  const tableFunctions = await engine.ask("SELECT lower(name) FROM system.table_functions");
  const outside = await engine.ask(
    "SELECT DISTINCT lower(name) FROM system.functions WHERE match(name, '^(?i)(file|ai(Classify|Embed|Extract|Generate|Translate).*|catboostEvaluate|showCertificate|icebergTruncate|getClientHTTPHeader|addressTo.*|demangle|dictGet.*|joinGet.*|zookeeper.*|getMacro)$')",
  );
  return {
    tableFunctions: new Set(tableFunctions),
    deniedFunctions: new Set([...outside, "file"]),
    limits: analystLimits(settings.analystSeconds, settings.analystMemory, settings.analystThreads),
  };
};

const serve = async (settings: ServerSettings): Promise<void> => {
  const spoolDir = join(settings.dir, "spool");
  const told = untilTold();
  const engine = await openEngine(settings.dir);
  rmSync(spoolDir, { recursive: true, force: true });
  mkdirSync(spoolDir, { recursive: true, mode: 0o700 });
  const lanes = lanesOf(settings);
  const rules = await rulesOf(engine, settings);
  const service = { engine, lanes, rules, sessions: createHttpSessions(), spoolDir, analystSeconds: settings.analystSeconds };
  const server = createHttp(service, settings.host, { tributary: settings.tributaryPassword, analyst: settings.analystPassword });
  server.listen(settings.port, settings.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  process.send?.({ port });
  console.log(JSON.stringify({ port }));
  await told;
  server.close();
  server.closeIdleConnections();
  await Promise.all(Object.values(lanes).map((lane) => lane.idle()));
  server.closeAllConnections();
  await engine.close();
  if (process.connected) process.disconnect?.();
};

await serve(readSettings(process.env));
