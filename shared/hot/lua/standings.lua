--[[ Where a user stands in many conversations: what unread counts, lists and recovery need of each head.
  KEYS  heads
  ARGV  user
  returns per conversation '' if the user is no member, else "seq count lastId mode kind lastMessageSeq base createdAt members record|intervals|epoch|history"
]]
local found, own = {}, '@' .. ARGV[1]
for i, key in ipairs(KEYS) do
  local h = redis.call('HMGET', key, 's', 'n', 'i', 'm', 'k', 'l', 'b', 'c', 'z', own, 'v', 'e', 'h')
  if h[1] then
    found[i] = h[1] .. ' ' .. h[2] .. ' ' .. h[3] .. ' ' .. h[4] .. ' ' .. h[5] .. ' ' .. h[6] .. ' ' .. h[7] .. ' ' .. h[8] .. ' ' .. h[9]
      .. '|' .. (h[10] or '') .. '|' .. h[11] .. '|' .. h[12] .. '|' .. h[13]
  else
    found[i] = ''
  end
end
return found
