--[[ A user comes online on a node: notes the node, gives an inbox its epoch, marks the user as seen.
  KEYS  user
  ARGV  node ('' to read only), epoch seed, now (ms)
  returns HGETALL of the user: o offset, k last timeline key, e epoch, b trimmed up to, on nodes, and a record for each conversation
]]
if ARGV[1] ~= '' then
  local on = redis.call('HGET', KEYS[1], 'on') or ''
  if not string.find(',' .. on .. ',', ',' .. ARGV[1] .. ',', 1, true) then
    on = on == '' and ARGV[1] or on .. ',' .. ARGV[1]
  end
  redis.call('HSET', KEYS[1], 'on', on, 'seen', ARGV[3])
end
redis.call('HSETNX', KEYS[1], 'e', ARGV[2])
return redis.call('HGETALL', KEYS[1])
