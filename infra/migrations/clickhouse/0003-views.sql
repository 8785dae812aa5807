CREATE OR REPLACE VIEW tributary.daily_active_users
(
    day Date COMMENT 'Day, UTC',
    users UInt64 COMMENT 'Users who sent an entry or connected',
    senders UInt64 COMMENT 'Users who sent a message',
    connected UInt64 COMMENT 'Users who opened a connection',
    messages UInt64 COMMENT 'Messages sent'
)
AS SELECT day, uniqExact(who) AS users, uniqExactIf(who, what = 'message') AS senders,
          uniqExactIf(who, what = 'session') AS connected, countIf(what = 'message') AS messages
FROM
(
    SELECT toDate(at) AS day, sender AS who, if(kind IN ('edit', 'recall', 'reaction', 'member', 'update', 'mode'), 'entry', 'message') AS what
    FROM tributary.messages FINAL WHERE sender != ''
    UNION ALL
    SELECT toDate(at) AS day, user AS who, 'session' AS what FROM tributary.sessions FINAL WHERE change = 'connected'
)
GROUP BY day
COMMENT 'Active users a day: who sent, who connected';

CREATE OR REPLACE VIEW tributary.messages_per_hour
(
    hour DateTime('UTC') COMMENT 'Beginning of the hour, UTC',
    kind LowCardinality(String) COMMENT 'Kind of the messages',
    messages UInt64 COMMENT 'Messages sent',
    senders UInt64 COMMENT 'Users who sent them',
    conversations UInt64 COMMENT 'Conversations they were sent in'
)
AS SELECT toStartOfHour(toDateTime(at, 'UTC')) AS hour, kind, count() AS messages, uniqExact(sender) AS senders,
          uniqExact(conversation_id) AS conversations
FROM tributary.messages FINAL
WHERE kind NOT IN ('edit', 'recall', 'reaction', 'member', 'update', 'mode')
GROUP BY hour, kind
COMMENT 'Messages by hour and kind';

CREATE OR REPLACE VIEW tributary.top_conversations
(
    day Date COMMENT 'Day, UTC',
    conversation_id UInt64 COMMENT 'Conversation',
    messages UInt64 COMMENT 'Messages sent that day',
    senders UInt64 COMMENT 'Users who sent them',
    members UInt32 COMMENT 'Most members that day',
    mode LowCardinality(String) COMMENT 'Fan-out mode of the last message of the day'
)
AS SELECT toDate(at) AS day, conversation_id, count() AS messages, uniqExact(sender) AS senders, max(m.members) AS members,
          argMax(m.mode, seq) AS mode
FROM tributary.messages AS m FINAL
WHERE kind NOT IN ('edit', 'recall', 'reaction', 'member', 'update', 'mode')
GROUP BY day, conversation_id
ORDER BY day DESC, messages DESC
COMMENT 'Conversations by messages a day, busiest first';

CREATE OR REPLACE VIEW tributary.fanout_cost
(
    hour DateTime('UTC') COMMENT 'Beginning of the hour, UTC',
    conversation_id UInt64 COMMENT 'Conversation',
    entries UInt64 COMMENT 'Entries written to the mailbox',
    entries_write UInt64 COMMENT 'Of these in write mode',
    entries_read UInt64 COMMENT 'Of these in read mode',
    inbox_writes UInt64 COMMENT 'Inbox writes that write mode asked for: the members at each entry, added up (idle members are left out by the server)',
    inbox_writes_saved UInt64 COMMENT 'Inbox writes that read mode saved: the members at each entry, added up',
    members UInt32 COMMENT 'Most members in the hour'
)
AS SELECT toStartOfHour(toDateTime(at, 'UTC')) AS hour, conversation_id, count() AS entries, countIf(mode = 'write') AS entries_write,
          countIf(mode = 'read') AS entries_read, sumIf(toUInt64(m.members), mode = 'write') AS inbox_writes,
          sumIf(toUInt64(m.members), mode = 'read') AS inbox_writes_saved, max(m.members) AS members
FROM tributary.messages AS m FINAL
GROUP BY hour, conversation_id
COMMENT 'What fan-out on write cost and what fan-out on read saved, by conversation and hour';

CREATE OR REPLACE VIEW tributary.retention
(
    cohort Date COMMENT 'Monday of the week of the users'' first activity',
    week UInt16 COMMENT 'Weeks since then; 0 is the first',
    users UInt64 COMMENT 'Users of the cohort active in that week',
    cohort_users UInt64 COMMENT 'Users of the cohort',
    share Float64 COMMENT 'users / cohort_users'
)
AS WITH active AS
(
    SELECT DISTINCT sender AS who, toMonday(at) AS monday FROM tributary.messages FINAL WHERE sender != ''
    UNION DISTINCT
    SELECT DISTINCT user AS who, toMonday(at) AS monday FROM tributary.sessions FINAL WHERE change = 'connected'
),
cohorts AS (SELECT who, min(monday) AS cohort FROM active GROUP BY who),
sizes AS (SELECT cohort, count() AS cohort_users FROM cohorts GROUP BY cohort)
SELECT c.cohort AS cohort, toUInt16(dateDiff('week', c.cohort, a.monday)) AS week, uniqExact(a.who) AS users,
       any(s.cohort_users) AS cohort_users, users / cohort_users AS share
FROM active AS a
INNER JOIN cohorts AS c ON c.who = a.who
INNER JOIN sizes AS s ON s.cohort = c.cohort
GROUP BY cohort, week
ORDER BY cohort, week
COMMENT 'Weekly cohorts by first activity (sending or connecting) and how many came back';
