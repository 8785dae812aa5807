import type { SendLog } from "#shared/log/sends.ts";
import type { Logger } from "#shared/run/logger.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Caller, SendHandler } from "#shared/wire/ports.ts";
import { createAccepter } from "./accept.ts";
import { createCommitters, type WriterParts } from "./commit.ts";
import { draftOf, type SendParams } from "./draft.ts";
import { watchPressure } from "./pressure.ts";

export interface Writer extends AsyncDisposable {
  send: SendHandler;
}

/**
 * The writer station: draft → commit → answer. Membership, role and silence are for the commit script to check, in the same step that gives the seq.
 * @param accepting the log of sends, where they are answered when they stand in it; null where they are committed first
 * @param outboxMax stream entries that may wait in a partition before sends are refused
 */
export function createWriter(deps: WriterParts & { logger: Logger; outboxMax: number; accepting: SendLog | null }): Writer {
  const { hot, logger, outboxMax, accepting } = deps;
  const committer = createCommitters(deps);
  const put =
    accepting === null
      ? (draft: Parameters<typeof committer.put>[0]) => committer.put(draft)
      : createAccepter({ hot, log: accepting, logger });
  const pressure = watchPressure(hot, logger, outboxMax);
  return {
    send(params: SendParams, caller: Caller, done) {
      const high = pressure.high();
      if (high === null) put(draftOf(params, caller.user, done));
      else done(new Refusal(111, high), "");
    },
    async [Symbol.asyncDispose]() {
      pressure[Symbol.dispose]();
      await committer[Symbol.asyncDispose]();
    },
  };
}
