--[[ Where users are: in order, each of them comes online on a node, is gone from it, or is only read. Who comes is marked as seen.
  KEYS  users
  ARGV  now (ms); per user: letter, node, the user's connections there "oldest:count" ('' none), epoch seed
  Letters  r read · a online on the node · s a connection is gone, the user still online there · d gone from the node
  returns per user HGETALL, its fields and values in lines: o offset, k last timeline key, e epoch (given here if there was none), b trimmed up to,
          on nodes, c connections "node:oldest:count,…", and a record for each conversation; after s and d only the value of c
]]
--@include nodes
local call, results = redis.call, {}
for i, key in ipairs(KEYS) do
  local letter, node, connections, seed = unpack(ARGV, i * 4 - 2, i * 4 + 1)
  local known = call('HMGET', key, 'on', 'c', 'e')
  if letter ~= 'r' then
    local c = withNode(known[2], node, connections == '' and '' or node .. ':' .. connections)
    local on = withNode(known[1], node, letter == 'd' and '' or node)
    if letter == 'a' then
      call('HSET', key, 'on', on, 'c', c, 'seen', ARGV[1])
    else
      call('HSET', key, 'on', on, 'c', c)
      results[i] = c
    end
  end
  if not results[i] then
    if not known[3] then call('HSET', key, 'e', seed) end
    results[i] = table.concat(call('HGETALL', key), '\n')
  end
end
return results
