--[[ How far the outbox is written and how far a consumer has come.
  KEYS  per partition: outbox, cursor
  ARGV  none
  returns per partition { last stream id written, cursor }, '0-0' where there is none
]]
local found = {}
for i = 1, #KEYS, 2 do
  local last = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)[1]
  found[#found + 1] = { last and last[1] or '0-0', redis.call('GET', KEYS[i + 1]) or '0-0' }
end
return found
