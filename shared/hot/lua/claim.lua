--[[ Takes a place, if nobody has it yet.
  KEYS  place
  ARGV  id
  returns the id that has it
]]
local there = redis.call('GET', KEYS[1])
if there then return there end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
