--[[ Creates a conversation, or finds it created before by the same call.
  KEYS  head, order, outbox
  ARGV  id, kind letter (s g f), epoch, now (ms), owner ('' for a single), title, history (j a), join (o i), meta JSON or '', creator, largest write-mode membership, members…
  returns 1 created | 0 it was there
]]
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local id, kind, now, owner, creator = ARGV[1], ARGV[2], ARGV[4], ARGV[5], ARGV[10]
local members = #ARGV - 11
local mode = (kind ~= 's' and members > tonumber(ARGV[11])) and 'r' or 'w'
redis.call('HSET', KEYS[1], 's', 0, 'n', 0, 'i', '0', 'm', mode, 'k', kind, 'e', ARGV[3], 'c', now, 'w', owner, 't', ARGV[6], 'h', ARGV[7], 'j', ARGV[8],
  'x', ARGV[9], 'z', members, 'v', mode == 'r' and '0-' or '', 'd', members, 'l', 0, 'b', 0)
for first = 12, #ARGV, 500 do
  local set, order = { 'HSET', KEYS[1] }, { 'ZADD', KEYS[2] }
  for i = first, math.min(first + 499, #ARGV) do
    local role = ARGV[i] == owner and 'o' or 'm'
    set[#set + 1] = '@' .. ARGV[i]
    set[#set + 1] = role .. ' 0 ' .. now .. ' 0 0 0 -'
    order[#order + 1] = i - 11
    order[#order + 1] = ARGV[i]
  end
  redis.call(unpack(set))
  redis.call(unpack(order))
end
redis.call('XADD', KEYS[3], '*', 'r', 'C ' .. id .. ' ' .. creator, 'i', '+' .. id)
return 1
