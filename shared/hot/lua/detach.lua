--[[ A user's last connection on a node is gone.
  KEYS  user
  ARGV  node
  returns 1
]]
local left = {}
for node in string.gmatch(redis.call('HGET', KEYS[1], 'on') or '', '[^,]+') do
  if node ~= ARGV[1] then left[#left + 1] = node end
end
redis.call('HSET', KEYS[1], 'on', table.concat(left, ','))
return 1
