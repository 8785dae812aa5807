--[[ Which of some conversations a user belongs or belonged to.
  KEYS  per conversation: head, past
  ARGV  user
  returns per conversation 1 yes | 0 no
]]
local mine = {}
for i = 1, #KEYS, 2 do
  local known = redis.call('HEXISTS', KEYS[i], '@' .. ARGV[1]) == 1 or redis.call('HEXISTS', KEYS[i + 1], ARGV[1]) == 1
  mine[#mine + 1] = known and 1 or 0
end
return mine
