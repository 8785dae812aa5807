import { createReadStream, existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type Answer, createAnswer } from "./answer.ts";
import type { Engine, Running } from "./engine.ts";
import { ClickHouseError, engineError } from "./errors.ts";
import { type Statement, takeStatement } from "./intake.ts";
import { endPipe, readPipe } from "./pipe.ts";
import { type Lanes, type Plan, planStatement } from "./plan.ts";
import type { HttpQuery } from "./request.ts";
import type { AnalystRules } from "./rules.ts";
import type { HttpSession, HttpSessions } from "./sessions.ts";

/** What every request shares. */
export interface Service {
  engine: Engine;
  lanes: Lanes;
  rules: AnalystRules;
  sessions: HttpSessions;
  spoolDir: string;
  /** Longest query of an analyst, in seconds. */
  analystSeconds: number;
}

const TRIBUTARY_STATEMENT_BYTES = 64 * 1024 * 1024;
const ANALYST_STATEMENT_BYTES = 1024 * 1024;

/** Sends the rows of a pipe while the engine fills it; the end of the query ends the pipe, whatever was written. */
const sendPiped = async (source: Readable, pipe: string, running: Running, answer: Answer): Promise<void> => {
  const ended = running.done.finally(() => endPipe(pipe));
  ended.catch(() => undefined);
  for await (const chunk of source) await answer.write(chunk as Buffer);
  await answer.end(await ended);
};

/** Waits for the whole result in a file, then sends it. */
const sendAtEnd = async (file: string, running: Running, answer: Answer): Promise<void> => {
  const result = await running.done;
  if (existsSync(file)) for await (const chunk of createReadStream(file)) await answer.write(chunk as Buffer);
  await answer.end(result);
};

const sendText = async (running: Running, answer: Answer): Promise<void> => {
  const result = await running.done;
  if (result.text !== "") await answer.write(Buffer.from(result.text));
  await answer.end(result);
};

/** Ends the query when the client goes away or an analyst's time is over, and tells which it was. */
const guard = (running: Running, source: Readable | null, signal: AbortSignal, seconds: number | null) => {
  let late = false;
  const stop = () => {
    source?.destroy();
    void running.kill();
  };
  const timer = seconds === null ? undefined : setTimeout(() => ((late = true), stop()), (seconds + 1) * 1000);
  signal.addEventListener("abort", stop, { once: true });
  return {
    error: (error: unknown) =>
      late ? new ClickHouseError(159, "TIMEOUT_EXCEEDED", `Timeout exceeded: maximum: ${seconds} s`) : engineError(error),
    end: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    },
  };
};

const runPlan = async (service: Service, query: HttpQuery, plan: Plan, response: ServerResponse, signal: AbortSignal): Promise<void> => {
  const place = await service.lanes[plan.lane].take(signal);
  const file = query.waitForEnd && plan.writesOutput ? join(service.spoolDir, randomUUID()) : null;
  const source = plan.writesOutput && file === null ? readPipe(place.pipe) : null;
  const running = service.engine.run(plan.run(file ?? place.pipe));
  const watch = guard(running, source, signal, plan.lane === "analyst" ? service.analystSeconds : null);
  const answer = createAnswer(response, query, plan.format, plan.lane === "write", service.engine);
  try {
    if (source !== null) await sendPiped(source, place.pipe, running, answer);
    else if (file !== null) await sendAtEnd(file, running, answer);
    else await sendText(running, answer);
  } catch (error) {
    const cause = await running.done.then(
      () => error,
      (reason: unknown) => reason,
    );
    if (!signal.aborted) await answer.fail(watch.error(cause));
  } finally {
    watch.end();
    source?.destroy();
    await running.done.catch(() => undefined);
    place.release();
    if (file !== null) await rm(file, { force: true });
  }
};

const keep = (plan: Plan, statement: Statement, session: HttpSession): void => {
  if (plan.kind === "set" || plan.kind === "use") session.prelude.push(statement.text.trim().replace(/;+$/, ""));
};

/**
 * Answers one query from its first byte to its last.
 * @throws ClickHouseError for what is refused before it runs; the signal's reason when the client went away
 */
export const serveQuery = async (service: Service, query: HttpQuery, response: ServerResponse, signal: AbortSignal): Promise<void> => {
  const limit = query.user === "tributary" ? TRIBUTARY_STATEMENT_BYTES : ANALYST_STATEMENT_BYTES;
  const statement = await takeStatement(query.text, query.body, service.spoolDir, limit);
  const entered = query.sessionId === null ? null : await service.sessions.enter(query.user, query.sessionId, query.sessionTimeout);
  try {
    const plan = planStatement(query, statement, entered?.session.prelude ?? [], service.rules);
    await runPlan(service, query, plan, response, signal);
    if (entered !== null) keep(plan, statement, entered.session);
  } finally {
    entered?.leave();
    if (statement.data !== null) await rm(statement.data.file, { force: true });
  }
};
