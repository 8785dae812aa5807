--[[ What a user and others hold of each other: all of one Redis node (one bucket on a cluster).
  KEYS  facts of the user, then per other: facts, feed
  ARGV  the user, the others
  returns per other { line of the user, line of the other, feed }, '' for what there is not
]]
local found = {}
local own = #ARGV > 1 and redis.call('HMGET', KEYS[1], unpack(ARGV, 2)) or {}
for i = 2, #ARGV do
  local key = (i - 1) * 2
  found[i - 1] = { own[i - 1] or '', redis.call('HGET', KEYS[key], ARGV[1]) or '', redis.call('GET', KEYS[key + 1]) or '' }
end
return found
