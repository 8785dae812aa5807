--[[ Moves cursors on; one that is there or further stays.
  KEYS  cursors
  ARGV  per cursor: stream id
  returns per cursor 1 moved | 0 it was there or further
]]
local moved = {}
for i, key in ipairs(KEYS) do
  local ms, n = string.match(redis.call('GET', key) or '0-0', '^(%d+)-(%d+)$')
  local toMs, toN = string.match(ARGV[i], '^(%d+)-(%d+)$')
  ms, n, toMs, toN = tonumber(ms), tonumber(n), tonumber(toMs), tonumber(toN)
  moved[i] = (toMs > ms or (toMs == ms and toN > n)) and 1 or 0
  if moved[i] == 1 then redis.call('SET', key, ARGV[i]) end
end
return moved
