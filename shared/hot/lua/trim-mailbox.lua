--[[ Forgets hot entries that are archived, never the newest message.
  KEYS  head, mailbox
  ARGV  up to this seq (included), trimmed up to before this call
  returns how many were forgotten; 0 also if another has trimmed meanwhile
]]
local h = redis.call('HMGET', KEYS[1], 'b', 'l', 's')
if not h[1] or h[1] ~= ARGV[2] then return 0 end
local base = tonumber(h[1])
local newest = tonumber(h[2])
if newest == 0 then newest = tonumber(h[3]) end
local to = math.min(tonumber(ARGV[1]), newest - 1)
if to <= base then return 0 end
redis.call('LTRIM', KEYS[2], to - base, -1)
redis.call('HSET', KEYS[1], 'b', to)
return to - base
