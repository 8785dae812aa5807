--[[ What unread counts of many conversations are derived from, and what lists are ordered by.
  KEYS  heads
  ARGV  user
  returns lines, per conversation: '' if the user is no member, else "kind count last member's record", last being the id of the last entry, or c and the
          time of creation (ms) where there is none
]]
local own, found = '@' .. ARGV[1], {}
for i, key in ipairs(KEYS) do
  local h = redis.call('HMGET', key, own, 'n', 'k', 'i')
  if not h[1] then
    found[i] = ''
  else
    if h[4] == '0' then h[4] = 'c' .. redis.call('HGET', key, 'c') end
    found[i] = h[3] .. ' ' .. h[2] .. ' ' .. h[4] .. ' ' .. h[1]
  end
end
return table.concat(found, '\n')
