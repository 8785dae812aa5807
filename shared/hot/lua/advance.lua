--[[ Saves cursors of partitions still owned.
  KEYS  per partition: lease, cursor
  ARGV  owner, then per partition: stream id
  returns per partition 1 saved | 0 the lease is another's by now
]]
local saved = {}
for i = 1, #KEYS, 2 do
  if redis.call('GET', KEYS[i]) == ARGV[1] then
    redis.call('SET', KEYS[i + 1], ARGV[(i + 1) / 2 + 1])
    saved[#saved + 1] = 1
  else
    saved[#saved + 1] = 0
  end
end
return saved
