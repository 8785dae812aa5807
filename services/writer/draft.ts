import { hash } from "node:crypto";

/** Parameters of `message.send`, valid by its schema. */
export interface SendParams {
  conversationId: string;
  clientMsgId: string;
  kind: string;
  body: unknown;
  mentions?: string[];
  replyTo?: number;
  clientSeq?: number;
}

/** A send that waits for its commit. `done` is called once. */
export interface Draft {
  conversationId: string;
  user: string;
  clientMsgId: string;
  /** Names the send in its conversation's dedupe tables. */
  digest: string;
  countable: boolean;
  /** The entry's JSON members, without those that the commit gives. */
  fields: string;
  done: (thrown: unknown, resultJson: string) => void;
}

/** 72 bits of a hash name a send: among the millions of one window and table a clash does not happen. */
export const digestOf = (user: string, conversationId: string, clientMsgId: string): string =>
  hash("sha1", `${user} ${conversationId} ${clientMsgId}`, "base64").slice(0, 12);

/** Makes a draft. Users, kinds and client message ids cannot hold what JSON would escape but for the quotes and backslashes of the latter. */
export function draftOf(params: SendParams, user: string, done: Draft["done"]): Draft {
  const { conversationId, clientMsgId, kind, body, mentions, replyTo, clientSeq } = params;
  let fields = `"from":"${user}","kind":"${kind}","body":${JSON.stringify(body)},"clientMsgId":${JSON.stringify(clientMsgId)}`;
  if (clientSeq !== undefined) fields += `,"clientSeq":${clientSeq}`;
  if (mentions !== undefined && mentions.length > 0) fields += `,"mentions":${JSON.stringify([...new Set(mentions)])}`;
  if (replyTo !== undefined) fields += `,"replyTo":${replyTo}`;
  return {
    conversationId,
    user,
    clientMsgId,
    digest: digestOf(user, conversationId, clientMsgId),
    countable: kind !== "system",
    fields,
    done,
  };
}
