--[[ Removes members: by an admin, or oneself by leaving; a follower of a feed without an entry.
  KEYS  head, mailbox, order, past, outbox, leavers, operation
  ARGV  conversation id, actor, 'remove' | 'leave', message id, next message id, now (ms), largest write-mode membership, 0, users…
  returns { 'ok', skipped user… } | { 'refused', code } | { 'again', last id }
]]
--@include ids
--@include entries
--@include operation
local earlier = answered()
if earlier then return earlier end
local id, actor, way, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[7])
local c = load(KEYS[1], actor)
if not c or not c.own then return { 'refused', '103' } end
if c.kind == 's' or (way == 'remove' and c.kind ~= 'g') or (way == 'leave' and c.kind == 'f' and c.owner == actor) then return { 'refused', '107' } end
local role = string.sub(c.own, 1, 1)
if way == 'remove' and role ~= 'o' and role ~= 'a' then return { 'refused', '103' } end
if not above(ARGV[4], c.last) then return { 'again', c.last } end
local gone, records, skipped = {}, {}, { 'ok' }
for i = 9, #ARGV do
  local record = redis.call('HGET', KEYS[1], '@' .. ARGV[i])
  if not record then
    skipped[#skipped + 1] = ARGV[i]
  else
    local theirs = string.sub(record, 1, 1)
    if way == 'remove' and (theirs == 'o' or (theirs == 'a' and role ~= 'o')) then return { 'refused', '103' } end
    gone[#gone + 1] = ARGV[i]
    records[#records + 1] = record
  end
end
if #gone == 0 then return skipped end
local follower = role == 'f'
local left = follower and c.seq or c.seq + 1
for i, user in ipairs(gone) do
  local joined, readSeq = string.match(records[i], '^%a (%d+) %d+ (%d+)')
  local past = redis.call('HGET', KEYS[4], user)
  local stays = past and string.match(past, '^(.*);') or ''
  -- Who unfollows before anything was posted had a stay of nothing.
  if tonumber(joined) < left then stays = (stays == '' and '' or stays .. ',') .. joined .. '-' .. left end
  redis.call('HSET', KEYS[4], user, stays .. ';' .. readSeq)
  redis.call('HDEL', KEYS[1], '@' .. user)
  redis.call('ZREM', KEYS[3], user)
  redis.call('ZADD', KEYS[6], left, user)
end
c.members = c.members - #gone
local heir = ''
if way == 'leave' and role == 'o' then
  c.owner = ''
  local oldest = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
  local first = 0
  while oldest and heir == '' do
    local some = redis.call('ZRANGE', KEYS[3], first, first + 499)
    if #some == 0 then break end
    local ask = { 'HMGET', KEYS[1] }
    for _, user in ipairs(some) do ask[#ask + 1] = '@' .. user end
    for i, record in ipairs(redis.call(unpack(ask))) do
      if heir == '' and record and string.sub(record, 1, 1) == 'a' then heir = some[i] end
    end
    first = first + 500
  end
  if heir == '' and oldest then heir = oldest end
  if heir ~= '' then
    c.owner = heir
    redis.call('HSET', KEYS[1], '@' .. heir, 'o' .. string.sub(redis.call('HGET', KEYS[1], '@' .. heir), 2))
  end
end
if follower then
  for _, user in ipairs(gone) do c.records[#c.records + 1] = 'F ' .. id .. ' ' .. user .. ' - ' .. left .. ' ' .. c.mode end
else
  local owner = heir ~= '' and ',"owner":"' .. heir .. '"' or ''
  append(c, id, ARGV[4], 'b', '"users":["' .. table.concat(gone, '","') .. '"],"change":"' .. (way == 'leave' and 'left' or 'removed') .. '","by":"' .. actor .. '"' .. owner)
end
switchBySize(c, id, ARGV[5], most)
save(c, KEYS[1], KEYS[2], KEYS[5])
return answer(skipped)
