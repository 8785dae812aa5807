--[[ Which of some conversations a user belongs or belonged to.
  KEYS  per conversation: head, past
  ARGV  user
  returns numbers of conversations, from 1
]]
local mine = {}
for i = 1, #KEYS, 2 do
  if redis.call('HEXISTS', KEYS[i], '@' .. ARGV[1]) == 1 or redis.call('HEXISTS', KEYS[i + 1], ARGV[1]) == 1 then mine[#mine + 1] = (i + 1) / 2 end
end
return mine
