--[[ What the fan-out has yet to do in partitions, for readers on a cluster, where no script can look at both this and an inbox.
  KEYS  per partition: outbox, cursor
  ARGV  none
  returns per partition '' if nothing, else "stream id" of the last record, followed by the conversations that it concerns, where they are few enough to
          be looked at: " conversation …"
]]
local MOST = 16
local found = {}
for i = 1, #KEYS, 2 do
  local waiting = redis.call('XRANGE', KEYS[i], '(' .. (redis.call('GET', KEYS[i + 1]) or '0-0'), '+', 'COUNT', MOST)
  local said = ''
  if #waiting > 0 then
    local ids = {}
    for _, entry in ipairs(waiting) do
      for id in string.gmatch(entry[2][4] or '', '%d+') do ids[#ids + 1] = id end
    end
    if #waiting == MOST then
      said = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)[1][1]
    elseif #ids > 0 then
      said = waiting[#waiting][1] .. ' ' .. table.concat(ids, ' ')
    end
  end
  found[#found + 1] = said
end
return found
