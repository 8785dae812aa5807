--[[ The newest hot entries of many mailboxes that may belong to a user's timeline, and what tells which of them do.
  KEYS  per mailbox: head, mailbox, past
  ARGV  user, message id that they are below ('' none), message id that they are not below ('' none), how many messages are wanted of all together (0: as many as
        there are), how many entries each, then per mailbox: highest seq ('' none)
  returns the id that they are not below, which may be higher; then per mailbox '' if there is no such conversation, its newest seq if that is below the wanted ids, else lines: "seq|trimmed up to|member record|
          earlier stays|intervals of read mode|highest seq that matters|1 if all below it and not given have ids below the wanted ones, else 0|id of the
          oldest hot entry where none is given, or ''", then the entries from the highest seq that matters down
]]
--@include ids
--@include seqs
--@include mailboxes
local floor, rows = mailboxEnds(1, ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), 6)
table.insert(rows, 1, floor)
return rows
