--[[ Notes in a single whether one of the two blocks the other: then commit.lua refuses both. Only news of a higher version of the pair counts,
     unless the graph is known to have gone back.
  KEYS  head
  ARGV  version of the pair, '+' blocked | '-' not, '1' whatever version is known
  returns 1 noted | 0 there is no such conversation, or this is known or older
]]
local h = redis.call('HMGET', KEYS[1], 'k', 'f')
if h[1] ~= 's' then return 0 end
if ARGV[3] ~= '1' and h[2] and tonumber(string.sub(h[2], 1, -2)) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'f', ARGV[1] .. ARGV[2])
return 1
