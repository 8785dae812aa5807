--[[ Where users are: in order, each of them comes online on a node, is gone from it, or is only read. Who comes is marked as seen.
  KEYS  users
  ARGV  now (ms); per user: letter, node, the user's connections there "oldest:count" ('' none), epoch seed
  Letters  r read · a online on the node · s a connection is gone, the user still online there · d gone from the node
  returns per user HGETALL: o offset, k last timeline key, e epoch (given here if there was none), b trimmed up to, on nodes, c connections
          "node:oldest:count,…", and a record for each conversation; after s and d only c
]]
--@include nodes
local results = {}
for i, key in ipairs(KEYS) do
  local letter, node, connections, seed = unpack(ARGV, i * 4 - 2, i * 4 + 1)
  if letter ~= 'r' then
    local known = redis.call('HMGET', key, 'on', 'c')
    local c = withNode(known[2], node, connections == '' and '' or node .. ':' .. connections)
    local set = { 'HSET', key, 'on', withNode(known[1], node, letter == 'd' and '' or node), 'c', c }
    if letter == 'a' then
      set[7] = 'seen'
      set[8] = ARGV[1]
    else
      results[i] = { 'c', c }
    end
    redis.call(unpack(set))
  end
  if not results[i] then
    redis.call('HSETNX', key, 'e', seed)
    results[i] = redis.call('HGETALL', key)
  end
end
return results
