--[[ Writes pointers and events into inboxes: all users of one Redis node (one slot on a cluster). Repeating it changes nothing.
  KEYS  per user: user, inbox; last: deliveries
  ARGV  seed of a new inbox's epoch, '1' if the archive wants inbox rows, number of ops; per op: letter, conversation, seq, extra, number of
        pointers, pointers; then per user: the user, its op numbers "1 2 …"
  Ops   E entries that follow each other in their conversation, from seq on, extra "first last" of their rising message ids
        B entry of the switch to read mode, extra as for E · W switch to write mode, delivered in the room · J joined, extra "state mode" · L left
        F followed, extra "+|- ordinal mode" · V event of one's own, extra: its ordinal, for it is taken once
  A record of (user, conversation): "state last joined readBegin readOffset everRead ordinal"; state a active, w owner of a feed, f follower, x former;
  last: the seq up to which the inbox holds it; readBegin −1 in write mode. The user's lists (lists.inc.lua), whose key is the user's with an s for the u,
  are forgotten when they may have changed.
  returns per user "first offset|numbers of the ops appended, * for all, n:k for the last k pointers of n|nodes|numbers of the ops that found a gap
          before them, and of those after them in the conversation"
]]
--@include ids
--@include deliver
local seed, archive, count = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])
local ops, at = {}, 4
for i = 1, count do
  local letter, extra, n = ARGV[at], ARGV[at + 3], tonumber(ARGV[at + 4])
  if letter == 'E' or letter == 'B' then extra = { string.match(extra, '^(%d+) (%d+)$') } end
  ops[i] = { letter, ARGV[at + 1], tonumber(ARGV[at + 2]), extra, n, at + 4, ARGV }
  at = at + 5 + n
end
local results, lines = {}, {}
for u = 1, (#KEYS - 1) / 2 do
  local _, line
  results[u], _, line = deliverTo(KEYS[u * 2 - 1], KEYS[u * 2], ARGV[at], ARGV[at + 1], ops, seed, archive, false)
  lines[#lines + 1] = line
  at = at + 2
end
if #lines > 0 then redis.call('XADD', KEYS[#KEYS], '*', 'r', table.concat(lines, '\n')) end
return results
