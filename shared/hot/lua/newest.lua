--[[ The newest hot messages of conversations that a user does not belong to.
  KEYS  per conversation: head, mailbox, past
  ARGV  user, message id that they are below ('' none), how many entries of each are looked at
  returns per conversation lines: the user's earlier stays, then "seq id" of each message, newest first; '' where the user is in it or nothing is hot
]]
--@include ids
--@include seqs
local user, below, many = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = {}
for i = 1, #KEYS, 3 do
  local h = redis.call('HMGET', KEYS[i], 's', 'b', '@' .. user)
  local high, base = tonumber(h[1] or '0'), tonumber(h[2] or '0')
  if h[3] then high = base end
  if below ~= '' then high = lastBelow(KEYS[i + 1], base, high, below) end
  local rows = {}
  if high > base then
    rows[1] = redis.call('HGET', KEYS[i + 2], user) or ''
    local first = math.max(high - many, base) + 1
    local some = redis.call('LRANGE', KEYS[i + 1], first - base - 1, high - base - 1)
    for e = #some, 1, -1 do
      local id, letter = string.match(some[e], '^(%d+) %d+ (%a)')
      if letter == 'm' then rows[#rows + 1] = (first + e - 1) .. ' ' .. id end
    end
  end
  found[#found + 1] = table.concat(rows, '\n')
end
return found
