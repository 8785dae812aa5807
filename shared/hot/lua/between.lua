--[[ All that is kept of a pair of users outside of the graph: both of them on one Redis node (one after the other on a cluster).
  KEYS  per user: facts, told of the other, feed
  ARGV  per user: the other
  returns per user { line of the other, told of the other, feed }, '' for what there is not
]]
local found = {}
for i, other in ipairs(ARGV) do
  local key = i * 3 - 2
  found[i] = { redis.call('HGET', KEYS[key], other) or '', redis.call('GET', KEYS[key + 1]) or '', redis.call('GET', KEYS[key + 2]) or '' }
end
return found
