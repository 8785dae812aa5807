--[[ Forgets hot pointers that are archived.
  KEYS  user, inbox
  ARGV  up to this offset (included), trimmed up to before this call
  returns how many were forgotten
]]
local h = redis.call('HMGET', KEYS[1], 'o', 'b')
local base = tonumber(h[2] or '0')
if not h[1] or tostring(base) ~= ARGV[2] then return 0 end
local to = math.min(tonumber(ARGV[1]), tonumber(h[1]))
if to <= base then return 0 end
redis.call('LTRIM', KEYS[2], to - base, -1)
redis.call('HSET', KEYS[1], 'b', to)
return to - base
