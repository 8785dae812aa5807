CREATE TABLE IF NOT EXISTS tributary.messages
(
    conversation_id UInt64 COMMENT 'Conversation whose mailbox holds the entry' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'Number of the entry in its conversation: 1, 2, 3 in commit order' CODEC(Delta(8), ZSTD(1)),
    message_id UInt64 COMMENT 'Snowflake id, global and ordered by time' CODEC(Delta(8), ZSTD(1)),
    prev UInt64 COMMENT 'Seq of the entry before this one: seq - 1, smaller only after a disaster recovery' CODEC(Delta(8), ZSTD(1)),
    count UInt64 COMMENT 'Countable messages up to and including this seq; unread numbers are differences of it' CODEC(Delta(8), ZSTD(1)),
    sender String COMMENT 'User who made the entry; empty for the system' CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'Message kind (text, image, ...), or the type of another entry: edit, recall, reaction, member, update, mode',
    body String COMMENT 'Message body as JSON; empty once recalled' CODEC(ZSTD(3)),
    text String COMMENT 'Searchable words of the body' CODEC(ZSTD(3)),
    at DateTime64(3, 'UTC') COMMENT 'Time of the commit' CODEC(Delta(8), ZSTD(1)),
    target UInt64 COMMENT 'Seq of the message that an edit, recall or reaction is about; 0: none' CODEC(ZSTD(1)),
    members UInt32 COMMENT 'Members of the conversation when the entry was committed' CODEC(ZSTD(1)),
    mode LowCardinality(String) COMMENT 'Fan-out mode the entry was delivered in: write (copied to inboxes) or read (read from the mailbox)',
    revision UInt32 COMMENT 'Edits folded into the row; of two rows of one entry the higher revision holds' CODEC(ZSTD(1)),
    client_msg_id String COMMENT 'Id given by the sending client, for idempotent retries' CODEC(ZSTD(1)),
    extra String COMMENT 'JSON: clientSeq, mentions, replyTo, or the fields of an entry that is no message' CODEC(ZSTD(3)),
    INDEX message_id_range message_id TYPE minmax GRANULARITY 1,
    INDEX text_words text TYPE text(tokenizer = 'splitByNonAlpha')
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(at)
ORDER BY (conversation_id, seq)
COMMENT 'Every entry of every mailbox: messages and edits, recalls, reactions, member, update and mode entries';

CREATE TABLE IF NOT EXISTS tributary.inbox
(
    user String COMMENT 'User whose inbox it is' CODEC(ZSTD(1)),
    offset UInt64 COMMENT 'Number in this inbox: 1, 2, 3 in the order of delivery' CODEC(Delta(8), ZSTD(1)),
    type LowCardinality(String) COMMENT 'Type of the event: an entry (message, edit, ...) or a user event (read, mention, conversation, relation)',
    conversation_id UInt64 COMMENT 'Conversation of the entry or event; 0: none' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'Seq of the mailbox entry pointed to; 0: a user event' CODEC(ZSTD(1)),
    message_id UInt64 COMMENT 'Id of the entry pointed to; 0: a user event' CODEC(Delta(8), ZSTD(1)),
    at DateTime64(3, 'UTC') COMMENT 'Time of the entry or event' CODEC(Delta(8), ZSTD(1)),
    timeline_key UInt64 COMMENT 'Place in the timeline: the message id, raised where fan-out came late; 0: not in the timeline' CODEC(Delta(8), ZSTD(1)),
    epoch String COMMENT 'Life of the numbered stream that the offset belongs to' CODEC(ZSTD(1)),
    data String COMMENT 'JSON of a user event; empty for a pointer' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (user, offset)
COMMENT 'Inboxes written at send time: pointers to mailbox entries and the user''s own events';
