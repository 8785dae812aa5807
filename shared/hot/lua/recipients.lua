--[[ Small groups, and pairs, to which a commit may copy what is sent.
  KEYS  per conversation: head, order
  ARGV  largest membership
  returns per conversation "ordinal members user…", the first two being its membership, which never is the same again once it has changed; '' if it is
          larger, a feed, or does not exist
]]
local rows = {}
for key = 1, #KEYS, 2 do
  local h = redis.call('HMGET', KEYS[key], 'k', 'd', 'z')
  local small = h[1] and h[1] ~= 'f' and tonumber(h[3]) <= tonumber(ARGV[1])
  rows[#rows + 1] = small and h[2] .. ' ' .. h[3] .. ' ' .. table.concat(redis.call('ZRANGE', KEYS[key + 1], 0, -1), ' ') or ''
end
return rows
