--[[ The members of a conversation with their stays, as far as they matter from a seq on.
  KEYS  head, past, leavers
  ARGV  first seq that matters
  returns { seq, mode, kind, traffic flag, members…, '', former members with their stays… }: each "user record" or "user past"; {} if there is no such conversation
]]
local h = redis.call('HMGET', KEYS[1], 's', 'm', 'k', 'r')
if not h[1] then return {} end
local row = { h[1], h[2], h[3], h[4] or '0' }
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) == '@' then row[#row + 1] = string.sub(all[i], 2) .. ' ' .. all[i + 1] end
end
row[#row + 1] = ''
for _, user in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], ARGV[1], '+inf')) do
  row[#row + 1] = user .. ' ' .. redis.call('HGET', KEYS[2], user)
end
return row
