--[[ The members of a conversation with their stays, as far as they matter from a seq on and until it next goes to read mode: what comes after that is
     copied to nobody, however many they are.
  KEYS  head, past, leavers, order
  ARGV  first seq that matters
  returns { seq, mode, kind, traffic flag, members…, '', former members with their stays… }: each "user record" or "user past"; {} if there is no such conversation
]]
local h = redis.call('HMGET', KEYS[1], 's', 'm', 'k', 'r', 'v')
if not h[1] then return {} end
local row = { h[1], h[2], h[3], h[4] or '0' }
local from, ending = math.max(tonumber(ARGV[1]), 1), math.huge
for begin in string.gmatch(h[5], '(%d+)%-') do
  if tonumber(begin) >= from then
    ending = tonumber(begin)
    break
  end
end
-- Members stand in the order of joining.
local STEP, first, more = 500, 0, true
while more do
  local users = redis.call('ZRANGE', KEYS[4], first, first + STEP - 1)
  local ask = { 'HMGET', KEYS[1] }
  for i, user in ipairs(users) do ask[i + 2] = '@' .. user end
  more = #users == STEP
  for i, record in ipairs(#users > 0 and redis.call(unpack(ask)) or {}) do
    if tonumber(string.match(record, '^%a (%d+)')) >= ending then
      more = false
      break
    end
    row[#row + 1] = users[i] .. ' ' .. record
  end
  first = first + STEP
end
row[#row + 1] = ''
for _, user in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], ARGV[1], '+inf')) do
  row[#row + 1] = user .. ' ' .. redis.call('HGET', KEYS[2], user)
end
return row
