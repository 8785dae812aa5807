--[[ Makes a master the one that has the whole of a partition.
  KEYS  the partition's life, what processes keep of its lost tail
  ARGV  number of the last write that was done again, highest number ever given, time (ms) before which callers are forgotten
  returns 1 done | 0 another process did more
]]
if redis.call('HGET', KEYS[1], 'n') ~= ARGV[1] then return 0 end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) == '@' and tonumber(all[i + 1]) < tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], all[i]) end
end
redis.call('HSET', KEYS[1], 'm', redis.call('CLUSTER', 'MYID'), 'n', ARGV[2], 'a', ARGV[2])
redis.call('DEL', KEYS[2])
return 1
