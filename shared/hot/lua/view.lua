--[[ All that a member is shown of conversations, with the newest message where it is hot.
  KEYS  per conversation: head, mailbox, past
  ARGV  user
  returns per conversation { s n i m k e c w h j z v l b, own record, peer's record, past stays, joined by |; title; meta; newest message's entry },
          '' where there is none; {} where there is no such conversation
]]
local user = ARGV[1]
local found = {}
for i = 1, #KEYS, 3 do
  local h = redis.call('HMGET', KEYS[i], 's', 'n', 'i', 'm', 'k', 'e', 'c', 'w', 'h', 'j', 'z', 'v', 'l', 'b', '@' .. user, 't', 'x')
  local row = {}
  if h[1] then
    local title, meta, peer = h[16] or '', h[17] or '', ''
    if h[5] == 's' then
      local a, b = string.match(title, '^(%S+) (%S+)$')
      peer = redis.call('HGET', KEYS[i], '@' .. (a == user and b or a)) or ''
    end
    for f = 1, 15 do h[f] = h[f] or '' end
    h[16], h[17] = peer, redis.call('HGET', KEYS[i + 2], user) or ''
    local newest = tonumber(h[13]) - tonumber(h[14]) - 1
    row = { table.concat(h, '|', 1, 17), title, meta, newest >= 0 and redis.call('LINDEX', KEYS[i + 1], newest) or '' }
  end
  found[#found + 1] = row
end
return found
