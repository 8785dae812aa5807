import { failed, sent } from "./metrics.ts";
import { callAside, type Call } from "./rpc.ts";
import { settings } from "./settings.ts";
import type { Draft, Talk } from "./talk.ts";
import type { Place } from "./found.ts";
import { until } from "./time.ts";

/** The call that sends a draft. */
export const sendCall = ({ from, conversationId, clientMsgId, body }: Draft): Call => ({
  user: from,
  method: "message.send",
  params: { conversationId, clientMsgId, kind: "text", body },
});

/** Senders without sockets: each conversation in turn, each of its members in turn. */
export function createPosts(places: readonly Place[], talk: Talk) {
  let waiting = 0;
  let next = 0;

  async function post(message: Draft): Promise<void> {
    waiting++;
    sent.add(1);
    try {
      talk.answered(message, (await callAside<{ seq: number }>(sendCall(message))).seq);
    } catch (error) {
      failed(String(error));
    }
    waiting--;
  }

  return {
    sendNext(this: void): void {
      const turn = next++;
      const { id, members } = places[turn % places.length] as Place;
      void post(talk.draft(members[Math.floor(turn / places.length) % members.length] as string, id));
    },
    /** Resolves when all are answered; what is not in time is an error. */
    async answered(): Promise<void> {
      if (!(await until(() => waiting === 0, settings.settle * 1_000)))
        failed(`${waiting} sends have no answer after ${settings.settle} s`);
    },
  };
}
