import type { Ledger, Sending, Sent } from "./ledger.ts";
import type { Told } from "./replay.ts";

const sentOf = ({ answer }: Sending): Sent | null => ("result" in answer ? (answer.result as Sent) : null);

/** Sends: durable once answered, one message however often they are tried, in the order of their connection, refused only to those outside. */
export function checkSendings(ledger: Ledger, told: ReadonlyMap<string, Told>): void {
  const groups = Map.groupBy(ledger.sendings, ({ user, id, clientMsgId }) => `${user} ${id} ${clientMsgId}`);
  for (const [name, tries] of groups) {
    const { id, user, clientMsgId } = tries[0] as Sending;
    const conversation = told.get(id);
    if (conversation !== undefined) checkTries(name, tries, conversation.messagesBy(clientMsgId, user), ledger, conversation);
  }
  checkOrder(ledger);
  for (const [id, { entries }] of told) {
    for (const { message } of entries) {
      if (message !== undefined && !groups.has(`${message.from} ${id} ${message.clientMsgId}`))
        ledger.fault(`${id} seq ${message.seq} was sent by nobody`);
    }
  }
}

function checkTries(
  name: string,
  tries: readonly Sending[],
  messages: ReturnType<Told["messagesBy"]>,
  ledger: Ledger,
  { membersAt }: Told,
): void {
  const lost = tries.filter(({ answer }) => "lost" in answer);
  const message = messages[0]?.message;
  if (messages.length > 1) ledger.fault(`${name}: ${messages.length} messages of one clientMsgId`);
  const acknowledged = tries.filter((one) => sentOf(one) !== null);
  if (acknowledged.length === 0) {
    if (message !== undefined && lost.length === 0) ledger.fault(`${name}: refused, and yet seq ${message.seq}`);
  } else if (message === undefined) ledger.fault(`${name}: acknowledged, and not there`);
  for (const one of tries) {
    const sent = sentOf(one);
    if (sent !== null && message !== undefined && (sent.id !== message.id || sent.seq !== message.seq || sent.at !== message.at)) {
      ledger.fault(`${name}: answered ${JSON.stringify(sent)}, it is ${JSON.stringify(message)}`);
    }
    if ("error" in one.answer) {
      const always = (message === undefined || message.seq > one.low) && within(one, (seq) => membersAt(seq).includes(one.user));
      if (always) ledger.fault(`${name}: refused with ${one.answer.error.code} between seq ${one.low} and ${one.high} to a member`);
    }
  }
  const first = acknowledged.filter((one) => sentOf(one)?.duplicate === false);
  if (first.length > 1) ledger.fault(`${name}: ${first.length} answers say it is new`);
  if (first.length === 0 && acknowledged.length > 0 && lost.length === 0) ledger.fault(`${name}: every answer says it is a duplicate`);
  const bodies = (first.length > 0 ? first : lost).map(({ text }) => text);
  if (message !== undefined && !bodies.includes(message.body.text))
    ledger.fault(`${name}: its body is "${message.body.text}", not the first of its tries`);
}

function within({ low, high }: Sending, holds: (seq: number) => boolean): boolean {
  for (let seq = low; seq <= high; seq++) if (!holds(seq)) return false;
  return true;
}

/** What one connection sent has seqs in the order it was put on it; a retry of what was committed before has its old one. */
function checkOrder(ledger: Ledger): void {
  const newest = new Map<string, Sending>();
  for (const one of ledger.sendings) {
    const sent = sentOf(one);
    if (sent === null || sent.duplicate || one.connection === null) continue;
    const key = `${one.connection} ${one.id}`;
    const before = newest.get(key);
    const seq = before === undefined ? 0 : (sentOf(before)?.seq ?? 0);
    if (sent.seq <= seq)
      ledger.fault(`${one.connection}: "${one.text}" was sent after "${before?.text}", and has seq ${sent.seq} after ${seq} in ${one.id}`);
    newest.set(key, one);
  }
}
