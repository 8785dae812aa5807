--[[ All that a member is shown of conversations, with the newest message where it is hot.
  KEYS  per conversation: head, mailbox, past
  ARGV  user
  returns per conversation { s n i m k e c w t h j x z v l b, own record, peer's record, past stays, newest message's entry }, each '' where there is none;
          {} where there is no such conversation
]]
local user = ARGV[1]
local found = {}
for i = 1, #KEYS, 3 do
  local h = redis.call('HMGET', KEYS[i], 's', 'n', 'i', 'm', 'k', 'e', 'c', 'w', 't', 'h', 'j', 'x', 'z', 'v', 'l', 'b', '@' .. user)
  local row = {}
  if h[1] then
    for f = 1, 17 do row[f] = h[f] or '' end
    row[18] = ''
    if h[5] == 's' then
      local a, b = string.match(h[9], '^(%S+) (%S+)$')
      row[18] = redis.call('HGET', KEYS[i], '@' .. (a == user and b or a)) or ''
    end
    row[19] = redis.call('HGET', KEYS[i + 2], user) or ''
    local newest = tonumber(h[15]) - tonumber(h[16]) - 1
    row[20] = newest >= 0 and redis.call('LINDEX', KEYS[i + 1], newest) or ''
  end
  found[#found + 1] = row
end
return found
