CREATE TABLE IF NOT EXISTS tributary.conversations
(
    conversation_id UInt64 COMMENT 'Conversation' CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'single, group, feed or service',
    title String COMMENT 'Title after the change; empty for a single' CODEC(ZSTD(1)),
    owner String COMMENT 'Owner after the change; empty for a single' CODEC(ZSTD(1)),
    members UInt32 COMMENT 'Members after the change' CODEC(ZSTD(1)),
    mode LowCardinality(String) COMMENT 'Fan-out mode after the change: write or read',
    history LowCardinality(String) COMMENT 'What new members may read: joined or all',
    join LowCardinality(String) COMMENT 'Who may come in: invite or open',
    meta String COMMENT 'JSON given by the app' CODEC(ZSTD(3)),
    created_at DateTime64(3, 'UTC') COMMENT 'Time the conversation was created' CODEC(ZSTD(1)),
    change LowCardinality(String) COMMENT 'What happened: created, updated, mode, owner',
    seq UInt64 COMMENT 'Seq of the entry that made the change; 0: created' CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC') COMMENT 'Time of the change' CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (conversation_id, seq, change)
COMMENT 'Conversations and their changes, one row a change; the row with the highest seq is the present state';

CREATE TABLE IF NOT EXISTS tributary.members
(
    conversation_id UInt64 COMMENT 'Conversation' CODEC(ZSTD(1)),
    user String COMMENT 'The member' CODEC(ZSTD(1)),
    change LowCardinality(String) COMMENT 'What happened: joined, left, removed, role',
    role LowCardinality(String) COMMENT 'Role after the change: owner, admin, member; empty after leaving',
    seq UInt64 COMMENT 'Seq of the member entry; 0: a first member' CODEC(ZSTD(1)),
    by String COMMENT 'User who did it' CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC') COMMENT 'Time of the change' CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (conversation_id, user, seq, change)
COMMENT 'Members of conversations and their changes, one row a change';

CREATE TABLE IF NOT EXISTS tributary.relations
(
    user String COMMENT 'User who has the relation' CODEC(ZSTD(1)),
    other String COMMENT 'User it points to' CODEC(ZSTD(1)),
    change LowCardinality(String) COMMENT 'What happened: followed, unfollowed, requested, accepted, declined, unfriended, added, blocked, unblocked',
    alias String COMMENT 'Name the user gave to the other' CODEC(ZSTD(1)),
    note String COMMENT 'Words sent with a request' CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC') COMMENT 'Time of the change' CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (user, other, at, change)
COMMENT 'Relations between users and their changes, one row a change';

CREATE TABLE IF NOT EXISTS tributary.sessions
(
    user String COMMENT 'User who is connected' CODEC(ZSTD(1)),
    session String COMMENT 'Id of the connection' CODEC(ZSTD(1)),
    device LowCardinality(String) COMMENT 'ios, android, web, desktop or bot; empty: not told',
    node String COMMENT 'Gateway that holds the connection' CODEC(ZSTD(1)),
    change LowCardinality(String) COMMENT 'What happened: connected, disconnected',
    at DateTime64(3, 'UTC') COMMENT 'Time of the change' CODEC(Delta(8), ZSTD(1)),
    duration_ms UInt64 COMMENT 'Life of the connection in milliseconds; 0 while connected' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (user, session, change)
COMMENT 'Connections of users, one row when it begins and one when it ends';
