--[[ What a user and others hold of each other: all of one Redis node (one slot on a cluster).
  KEYS  per other: facts, feed; last: facts of the user, not on a cluster
  ARGV  the user, the others, not on a cluster
  returns per other { line of the user, line of the other, feed }, '' for what there is not
]]
local found = {}
local own = #ARGV > 1 and redis.call('HMGET', KEYS[#KEYS], unpack(ARGV, 2)) or {}
for i = 1, math.floor(#KEYS / 2) do
  found[i] = { own[i] or '', redis.call('HGET', KEYS[i * 2 - 1], ARGV[1]) or '', redis.call('GET', KEYS[i * 2]) or '' }
end
return found
