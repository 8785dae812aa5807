--[[ Brings what a process keeps of a partition's lost tail.
  KEYS  the partition's life, what processes keep of its lost tail
  ARGV  field, value, …
  returns 1 brought | 0 the partition is whole
]]
local master = redis.call('HGET', KEYS[1], 'm')
if not master or master == redis.call('CLUSTER', 'MYID') then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV))
return 1
