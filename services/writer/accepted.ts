import { digestOf, type Draft } from "./draft.ts";

/** An accepted send as it stands in the log: "<user> <conversation> <1 if countable> <characters of the client message id> <client message id><fields>". */
export const acceptedLine = ({ user, conversationId, countable, clientMsgId, fields }: Draft): string =>
  `${user} ${conversationId} ${countable ? 1 : 0} ${clientMsgId.length} ${clientMsgId}${fields}`;

/** Reads a line of the log. Throws on one that is none: it must stop the reader, not be lost. */
export function draftOfLine(line: string, done: Draft["done"]): Draft {
  const [, user = "", conversationId = "", countable = "", length = ""] = /^(\S+) (\d+) ([01]) (\d+) /.exec(line) ?? [];
  if (user === "") throw new Error(`the log of sends has a line of unknown form: ${line.slice(0, 80)}`);
  const begin = user.length + conversationId.length + length.length + 5;
  const clientMsgId = line.slice(begin, begin + Number(length));
  const fields = line.slice(begin + Number(length));
  const digest = digestOf(user, conversationId, clientMsgId);
  return { conversationId, user, clientMsgId, digest, countable: countable === "1", fields, done };
}
