--[[ A connection of a user on a node is gone: notes what is left there.
  KEYS  user
  ARGV  node, '1' if the user is still online there, else '0', the user's connections there "oldest:count" ('' none)
  returns connections of the user "node:oldest:count,…"
]]
--@include nodes
local known = redis.call('HMGET', KEYS[1], 'on', 'c')
local connections = withNode(known[2], ARGV[1], ARGV[3] == '' and '' or ARGV[1] .. ':' .. ARGV[3])
redis.call('HSET', KEYS[1], 'on', withNode(known[1], ARGV[1], ARGV[2] == '1' and ARGV[1] or ''), 'c', connections)
return connections
