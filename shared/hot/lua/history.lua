--[[ One end of a conversation's hot entries, with what decides who may read it.
  KEYS  head, mailbox, past
  ARGV  user, 'before' | 'after', bound (not included; '0' with before: from the end), how many entries
  returns { s, n, b, h, k, e, own record, past stays, first seq given, entry … } | {} where there is no such conversation
]]
local h = redis.call('HMGET', KEYS[1], 's', 'n', 'b', 'h', 'k', 'e', '@' .. ARGV[1])
if not h[1] then return {} end
local seq, base, bound, many = tonumber(h[1]), tonumber(h[3]), tonumber(ARGV[3]), tonumber(ARGV[4])
local from, to
if ARGV[2] == 'before' then
  to = bound == 0 and seq or math.min(seq, bound - 1)
  from = to - many + 1
else
  from = bound + 1
  to = math.min(seq, bound + many)
end
from = math.max(from, base + 1)
local row = { h[1], h[2], h[3], h[4], h[5], h[6], h[7] or '', redis.call('HGET', KEYS[3], ARGV[1]) or '', tostring(from) }
if to >= from then
  for _, entry in ipairs(redis.call('LRANGE', KEYS[2], from - base - 1, to - base - 1)) do row[#row + 1] = entry end
end
return row
