import type { ColdClient } from "#shared/cold/client.ts";
import type { PartitionStore } from "#shared/cold/partitions.ts";

/** Months that the messages are spread over, up to now. */
const DAYS = 300;
const LONG = 5;
const OTHERS = 30_000;
const A_STEP = 250_000;
/** Start of the time in message ids: 2024-01-01. */
const EPOCH = 1_704_067_200_000;

const WORDS =
  "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you were her all she there would their we him been has when who will more no if out so said what up its about into than them can only other new some could time these two may then do first any my now such like our over man me even most made after also did many before must through back years where much your way well down should because each just those people mr how too little state good very make world still own see men work long get here between both life being under never day same another know while last might us great old year off come since against go came right used take three".split(
    " ",
  );

/** An archive as a year of traffic leaves it. */
export interface Archive {
  /** Messages of each long conversation, seqs 1 to here. */
  longest: number;
  /** Id of its message with this seq. */
  idOf(seq: number): string;
}

export interface ArchiveOrder {
  /** How many rows. */
  messages: number;
  /** Conversation that every fiftieth message belongs to; four more are as long, the other messages are spread over 30,000 short ones. */
  conversationId: string;
  members: number;
}

/**
 * Fills `tributary.messages` with rows that ClickHouse makes itself: bodies of about 200 bytes, no two alike, in time order over 300 days. Then each month
 * is merged, as the store scheduler does with old ones.
 */
export async function fillArchive({ clickhouse }: ColdClient, { messages, conversationId, members }: ArchiveOrder): Promise<Archive> {
  const step = Math.floor((DAYS * 86_400_000) / messages);
  // Message ids hold their time, so that it has to be below that of the first message that is sent.
  const began = Date.now() - 60_000 - messages * step;
  for (let first = 0; first < messages; first += A_STEP) {
    await clickhouse.command({
      query: `INSERT INTO tributary.messages (conversation_id, seq, message_id, prev, count, sender, kind, body, text, at, target, members, mode, revision, client_msg_id, extra)
        WITH [${WORDS.map((word) => `'${word}'`).join(",")}] AS words
        SELECT conversation, seq, bitShiftLeft(toUInt64(ms - ${EPOCH}), 22) AS id, seq - 1, seq, concat('user', toString(n % 50)), 'text',
          concat('{"text":"', said, '"}'), said, fromUnixTimestamp64Milli(ms, 'UTC'), 0, ${members}, 'write', 0, concat('n', toString(n)), '{}'
        FROM (
          SELECT number AS n, n % 10 = 0 AS long, intDiv(n, 10) AS tenth, n - tenth AS other,
            toUInt64(if(long, if(tenth % ${LONG} = 0, ${conversationId}, 5000000000 + tenth % ${LONG}), 4000000000 + other % ${OTHERS})) AS conversation,
            toUInt64(if(long, intDiv(tenth, ${LONG}), intDiv(other, ${OTHERS})) + 1) AS seq,
            toInt64(${began} + n * ${step}) AS ms,
            concat(toString(n), ' ', arrayStringConcat(arrayMap(i -> words[1 + cityHash64(n, i) % length(words)], range(34 + n % 12)), ' ')) AS said
          FROM numbers(${first}, ${Math.min(A_STEP, messages - first)})
        )`,
    });
  }
  const longest = Math.ceil(messages / 10 / LONG);
  return { longest, idOf: (seq) => String((BigInt(began + (seq - 1) * 10 * LONG * step) - BigInt(EPOCH)) << 22n) };
}

/** As the server's own setting has it. */
const WARM_DAYS = 30;

/** Does at once what the store scheduler would do while others measure: old months are compressed harder, each month is merged into one part. */
export async function settleArchive(store: PartitionStore): Promise<void> {
  await store.recompressAfter("messages", WARM_DAYS);
  for (const { table, month, parts, recompressed } of await store.partitions()) {
    if (table === "messages" && (parts > 1 || !recompressed)) await store.mergeMonth(table, month);
  }
}
