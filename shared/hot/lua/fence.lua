--[[ Asks whether what was read of a stream is still there, by a write: when a replica holds that, it holds all that was read.
  KEYS  per stream: stream, mark
  ARGV  per stream: id of the last entry read
  returns per stream 1 it is there | 0 it was lost with a master
]]
local there = {}
for i = 1, #KEYS, 2 do
  local id = ARGV[(i + 1) / 2]
  if #redis.call('XRANGE', KEYS[i], id, id) == 1 then
    redis.call('SET', KEYS[i + 1], id)
    there[#there + 1] = 1
  else
    there[#there + 1] = 0
  end
end
return there
