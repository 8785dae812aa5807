--[[ Takes or renews leases.
  KEYS  leases
  ARGV  owner, life (ms)
  returns per lease 1 held by the owner | 0 held by another
]]
local held = {}
for i, key in ipairs(KEYS) do
  local owner = redis.call('GET', key)
  if not owner or owner == ARGV[1] then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
    held[i] = 1
  else
    held[i] = 0
  end
end
return held
