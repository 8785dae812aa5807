--[[ How far the outbox is written.
  KEYS  per partition: outbox
  ARGV  none
  returns per partition the last stream id written, '0-0' where there is none
]]
local found = {}
for i, outbox in ipairs(KEYS) do
  local last = redis.call('XREVRANGE', outbox, '+', '-', 'COUNT', 1)[1]
  found[i] = last and last[1] or '0-0'
end
return found
