--[[ Gives users new lines of what they hold of another, with the `relation` events that come of it: all users of one Redis node (one slot on a cluster),
     all of them or none. Lines are taken only where they are still what the caller made the new ones from, so repeating it changes nothing.
  KEYS  per item: facts, told, user, inbox; last two: deliveries, relations
  ARGV  seed of a new inbox's epoch, '1' if the archive wants inbox rows, life of what was told (ms), rows for the archive's relations (lines, or '');
        per item: user, other, line it has, told it has, new line ('' none), new told ('' none), pointer of the event ('' none)
  returns {} if a line is another by now, else per item "offset of the event, or of the next one|nodes"
]]
local items = (#KEYS - 2) / 4
for i = 1, items do
  local key, arg = i * 4 - 3, i * 7 - 2
  local line = redis.call('HGET', KEYS[key], ARGV[arg + 1]) or ''
  local told = redis.call('GET', KEYS[key + 1]) or ''
  if line ~= ARGV[arg + 2] or told ~= ARGV[arg + 3] then return {} end
end
local results, lines = {}, {}
for i = 1, items do
  local key, arg = i * 4 - 3, i * 7 - 2
  local user, other, line, told, pointer = ARGV[arg], ARGV[arg + 1], ARGV[arg + 4], ARGV[arg + 5], ARGV[arg + 6]
  if line == '' then redis.call('HDEL', KEYS[key], other) else redis.call('HSET', KEYS[key], other, line) end
  if told == '' then redis.call('DEL', KEYS[key + 1]) else redis.call('SET', KEYS[key + 1], told, 'PX', ARGV[3]) end
  local h = redis.call('HMGET', KEYS[key + 2], 'o', 'on', 'e', 'b')
  local offset = tonumber(h[1] or '0') + 1
  if pointer ~= '' then
    redis.call('RPUSH', KEYS[key + 3], pointer)
    redis.call('HSET', KEYS[key + 2], 'o', offset, 'e', h[3] or ARGV[1])
    if ARGV[2] == '1' then
      lines[#lines + 1] = user .. ' ' .. offset .. ' ' .. (offset - tonumber(h[4] or '0')) .. ' ' .. (h[3] or ARGV[1]) .. '\t' .. pointer
    end
  end
  results[i] = offset .. '|' .. (h[2] or '')
end
if #lines > 0 then redis.call('XADD', KEYS[#KEYS - 1], '*', 'r', table.concat(lines, '\n')) end
if ARGV[4] ~= '' then redis.call('XADD', KEYS[#KEYS], '*', 'r', ARGV[4]) end
return results
