import type { Caller, Ids, SendHandler } from "#shared/wire/ports.ts";
import { createCommitter, type Committer } from "./commit.ts";
import { draftOf, type SendParams } from "./draft.ts";
import type { Entries } from "#shared/hot/entries.ts";
import type { Hot } from "#shared/hot/redis.ts";

export interface Writer extends AsyncDisposable {
  send: SendHandler;
  waiting: Committer["waiting"];
}

/** The writer station: draft → commit → answer. Membership, role and silence are for the commit script to check, in the same step that gives the seq. */
export function createWriter(deps: { hot: Hot; entries: Entries; ids: Ids; dedupeWindowMs: number }): Writer {
  const committer = createCommitter(deps);
  return {
    send(params: SendParams, caller: Caller, done) {
      committer.put(draftOf(params, caller.user, done));
    },
    waiting: committer.waiting,
    [Symbol.asyncDispose]: () => committer[Symbol.asyncDispose](),
  };
}
