--[[ Adds members: by an admin (or any member of an open group), or oneself to an open group; followers to a feed, without an entry.
  KEYS  head, mailbox, order, past, outbox, leavers, operation
  ARGV  conversation id, actor, 'add' | 'join' | 'follow', message id, next message id, now (ms), largest write-mode membership, largest membership, users…
  returns { 'ok', skipped user… } | { 'refused', code } | { 'again', last id }: the message id is not above the conversation's last
]]
--@include ids
--@include entries
--@include operation
local earlier = answered()
if earlier then return earlier end
local id, actor, way, now, most = ARGV[1], ARGV[2], ARGV[3], ARGV[6], tonumber(ARGV[7])
local c = load(KEYS[1], actor)
if not c then return { 'refused', '103' } end
if way == 'add' then
  if not c.own then return { 'refused', '103' } end
  if c.kind ~= 'g' then return { 'refused', '107' } end
  local role = string.sub(c.own, 1, 1)
  if role == 'm' and not c.open then return { 'refused', '103' } end
elseif way == 'join' then
  if c.kind == 's' and c.own then return { 'refused', '107' } end
  if not c.own and (c.kind ~= 'g' or not c.open) then return { 'refused', '103' } end
elseif c.kind ~= 'f' then
  return { 'refused', '107' }
end
if not above(ARGV[4], c.last) then return { 'again', c.last } end
local seq = way == 'follow' and c.seq or c.seq + 1
local role = way == 'follow' and 'f' or 'm'
local joined, skipped = {}, { 'ok' }
for first = 9, #ARGV, 500 do
  local ask, users = { 'HMGET', KEYS[1] }, {}
  for i = first, math.min(first + 499, #ARGV) do
    users[#users + 1] = ARGV[i]
    ask[#ask + 1] = '@' .. ARGV[i]
  end
  local there = redis.call(unpack(ask))
  local past = redis.call('HMGET', KEYS[4], unpack(users))
  local set, order, fresh = { 'HSET', KEYS[1] }, { 'ZADD', KEYS[3] }, {}
  for i, user in ipairs(users) do
    if there[i] then
      skipped[#skipped + 1] = user
    else
      local readSeq = past[i] and string.match(past[i], ';(%d+)$') or '0'
      c.ordinal = c.ordinal + 1
      joined[#joined + 1] = user
      fresh[#fresh + 1] = user
      set[#set + 1] = '@' .. user
      set[#set + 1] = role .. ' ' .. seq .. ' ' .. now .. ' ' .. readSeq .. ' ' .. c.count .. ' 0 -'
      order[#order + 1] = c.ordinal
      order[#order + 1] = user
    end
  end
  if c.members + #joined > tonumber(ARGV[8]) then return { 'refused', '106' } end
  if #fresh > 0 then c.writes = c.writes or {}; table.insert(c.writes, { set, order }) end
end
if #joined == 0 then return skipped end
for _, write in ipairs(c.writes) do
  redis.call(unpack(write[1]))
  redis.call(unpack(write[2]))
end
c.members = c.members + #joined
if way == 'follow' then
  for _, user in ipairs(joined) do c.records[#c.records + 1] = 'F ' .. id .. ' ' .. user .. ' + ' .. seq .. ' ' .. c.mode end
else
  append(c, id, ARGV[4], 'b', '"users":["' .. table.concat(joined, '","') .. '"],"change":"joined","by":"' .. actor .. '"')
end
switchBySize(c, id, ARGV[5], most)
save(c, KEYS[1], KEYS[2], KEYS[5])
return answer(skipped)
