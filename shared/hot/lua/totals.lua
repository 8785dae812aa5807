--[[ The same for unread counts alone.
  KEYS  heads
  ARGV  user
  returns per conversation "count kind record" ('' if the user is no member)
]]
local found, own = {}, '@' .. ARGV[1]
for i, key in ipairs(KEYS) do
  local h = redis.call('HMGET', key, 'n', 'k', own)
  found[i] = h[3] and (h[1] .. ' ' .. h[2] .. ' ' .. h[3]) or ''
end
return found
