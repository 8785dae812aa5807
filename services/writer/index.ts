import type { Logger } from "#shared/run/logger.ts";
import { Refusal } from "#shared/wire/errors.ts";
import type { Caller, SendHandler } from "#shared/wire/ports.ts";
import { createCommitters, type WriterParts } from "./commit.ts";
import { draftOf, type SendParams } from "./draft.ts";
import { watchPressure } from "./pressure.ts";

export interface Writer extends AsyncDisposable {
  send: SendHandler;
}

/** The writer station: draft → commit → answer. Membership, role and silence are for the commit script to check, in the same step that gives the seq. */
export function createWriter(deps: WriterParts & { logger: Logger }): Writer {
  const committer = createCommitters(deps);
  const pressure = watchPressure(deps.hot, deps.logger);
  return {
    send(params: SendParams, caller: Caller, done) {
      if (pressure.high()) done(new Refusal(111, "the hot tier is nearly full"), "");
      else committer.put(draftOf(params, caller.user, done));
    },
    async [Symbol.asyncDispose]() {
      pressure[Symbol.dispose]();
      await committer[Symbol.asyncDispose]();
    },
  };
}
