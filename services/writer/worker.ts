import type { Registry } from "prom-client";
import type { LogBatch } from "#shared/log/port.ts";
import type { LivePushes } from "#shared/log/pushes.ts";
import type { SendLog } from "#shared/log/sends.ts";
import { defineMetrics, type MetricTable } from "#shared/run/metrics.ts";
import { Refusal } from "#shared/wire/errors.ts";
import { draftOfLine } from "./accepted.ts";
import { createCommitters, type WriterParts } from "./commit.ts";
import type { Draft } from "./draft.ts";

export const workerMetrics = {
  tributary_accepted_sends_total: {
    kind: "counter",
    help: "Sends of the log of sends that were committed, or rejected for good; one that is done again after a crash counts again.",
    labels: ["outcome"],
  },
} as const satisfies MetricTable;

/** Most sends in one script. The next ones wait until all of them are done, so that a sender's stay in order whatever fails. */
const MOST = 400;

/**
 * Commits what was accepted, in the order of the log. What is refused for good comes as `rejected` to all devices of the sender; what may pass (a store away, no
 * room) is tried until it does.
 * Doing a part again after a crash finds the same messages by their client message ids.
 */
export function startSendWorker(deps: WriterParts & { logs: readonly SendLog[]; pushes: LivePushes; registry: Registry }): AsyncDisposable {
  const { logs, pushes } = deps;
  const metrics = defineMetrics(deps.registry, workerMetrics);
  const committer = createCommitters(deps);

  async function commit(lines: readonly string[]): Promise<void> {
    const settled = await Promise.all(lines.map((line) => settle(committer, line)));
    const passing = settled.find(({ refusal }) => refusal !== null && (!(refusal instanceof Refusal) || refusal.temporary));
    if (passing !== undefined) throw passing.refusal;
    for (const { draft, refusal } of settled) {
      if (refusal instanceof Refusal) await reject(draft, refusal);
      metrics.tributary_accepted_sends_total.inc({ outcome: refusal === null ? "committed" : "rejected" });
    }
  }

  const reject = ({ user, conversationId, clientMsgId }: Draft, refusal: Refusal): Promise<void> =>
    pushes.send(user, { type: "rejected", conversationId, clientMsgId, error: refusal.toWire() });

  async function handle({ runs }: LogBatch): Promise<void> {
    const lines = runs.flatMap((run) => run.lines);
    for (let from = 0; from < lines.length; from += MOST) await commit(lines.slice(from, from + MOST));
  }

  const consumers = logs.map((log) => log.consume({ consumer: "send", handle }));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(consumers.map((consumer) => consumer[Symbol.asyncDispose]()));
      await committer[Symbol.asyncDispose]();
    },
  };
}

/** Puts one send; resolves when it is committed, or refused. */
function settle(committer: { put(draft: Draft): void }, line: string): Promise<{ draft: Draft; refusal: unknown }> {
  const { promise, resolve } = Promise.withResolvers<{ draft: Draft; refusal: unknown }>();
  const draft: Draft = draftOfLine(line, (thrown) => resolve({ draft, refusal: thrown }));
  committer.put(draft);
  return promise;
}
