--[[ A user comes online on a node: notes the node and the user's connections there, gives an inbox its epoch, marks the user as seen.
  KEYS  user
  ARGV  node ('' to read only), epoch seed, now (ms), the user's connections there "oldest:count" ('' none)
  returns HGETALL of the user: o offset, k last timeline key, e epoch, b trimmed up to, on nodes, c connections "node:oldest:count,…", and a record for each conversation
]]
--@include nodes
if ARGV[1] ~= '' then
  local known = redis.call('HMGET', KEYS[1], 'on', 'c')
  local connections = withNode(known[2], ARGV[1], ARGV[4] == '' and '' or ARGV[1] .. ':' .. ARGV[4])
  redis.call('HSET', KEYS[1], 'on', withNode(known[1], ARGV[1], ARGV[1]), 'c', connections, 'seen', ARGV[3])
end
redis.call('HSETNX', KEYS[1], 'e', ARGV[2])
return redis.call('HGETALL', KEYS[1])
