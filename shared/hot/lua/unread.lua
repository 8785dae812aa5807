--[[ Unread counts of many conversations, derived from heads and read positions.
  KEYS  heads
  ARGV  user, '1' to be told of the last activity too
  returns lines, per conversation: '' if the user is no member, else the unread count, after a - where it is in no total (muted, feed), and if asked for a
          blank with the id of the last entry, or c and the time of creation (ms) where there is none
]]
local own, active, found = '@' .. ARGV[1], ARGV[2] == '1', {}
for i, key in ipairs(KEYS) do
  local h = active and redis.call('HMGET', key, own, 'n', 'k', 'i', 'c') or redis.call('HMGET', key, own, 'n', 'k')
  if h[1] then
    local base, flags = string.match(h[1], '^%a %d+ %d+ %d+ (%d+) (%d+)')
    local row = math.max(0, h[2] - base)
    if h[3] == 'f' or flags % 2 == 1 then row = '-' .. row end
    if active then row = row .. ' ' .. (h[4] == '0' and 'c' .. h[5] or h[4]) end
    found[i] = row
  else
    found[i] = ''
  end
end
return table.concat(found, '\n')
