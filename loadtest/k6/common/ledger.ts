import type { Report } from "./witness.ts";

/** A message as its sender numbered it: `clientMsgId` is the number, which rises with each send of a run. */
export interface Placed {
  conversationId: string;
  seq: number;
  from: string;
  clientMsgId: string;
}

interface Book {
  /** By seq: who sent what. */
  entries: Map<number, string>;
  /** By sender: the message of theirs with the highest seq. */
  newest: Map<string, { seq: number; number: number }>;
  head: number;
}

/** The number in a clientMsgId, which is `<vu>-<number>`. */
const numberOf = (clientMsgId: string): number => Number(clientMsgId.slice(clientMsgId.indexOf("-") + 1));

export type Ledger = ReturnType<typeof createLedger>;

/** What every witness of a seq must agree on: which message it is. Answers to senders are witnesses too. */
export function createLedger(report: Report) {
  const books = new Map<string, Book>();
  const seqs = new Map<string, number>();

  function bookOf(conversationId: string): Book {
    let book = books.get(conversationId);
    if (book === undefined) books.set(conversationId, (book = { entries: new Map(), newest: new Map(), head: 0 }));
    return book;
  }

  /** Sender order: what a connection sends later has a higher seq. Answers come in that order, so the newest is enough. */
  function inOrder(book: Book, { conversationId, seq, from, clientMsgId }: Placed): void {
    const number = numberOf(clientMsgId);
    const newest = book.newest.get(from);
    if (newest !== undefined && seq > newest.seq !== number > newest.number)
      report("disorder", `${from} sent ${number} and ${newest.number} in ${conversationId}, they got the seqs ${seq} and ${newest.seq}`);
    if (newest === undefined || seq > newest.seq) book.newest.set(from, { seq, number });
  }

  return {
    /** Someone saw this message with this seq. */
    place(placed: Placed): void {
      const { conversationId, seq, from, clientMsgId } = placed;
      const book = bookOf(conversationId);
      const name = `${from} ${clientMsgId}`;
      const known = book.entries.get(seq);
      if (known === name) return;
      if (known !== undefined) return report("misplaced", `seq ${seq} of ${conversationId} is both ${known} and ${name}`);
      const other = seqs.get(`${conversationId} ${name}`);
      if (other !== undefined) report("misplaced", `${name} is in ${conversationId} with the seqs ${other} and ${seq}`);
      inOrder(book, placed);
      book.entries.set(seq, name);
      seqs.set(`${conversationId} ${name}`, seq);
      book.head = Math.max(book.head, seq);
    },
    /** Seq of the newest message that anyone knows of. */
    headOf: (conversationId: string): number => books.get(conversationId)?.head ?? 0,
  };
}
