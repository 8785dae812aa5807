--[[ Switches a conversation's mode by traffic, if it is still in the other one. Back to write mode only if its size allows.
  KEYS  head, mailbox, outbox, operation
  ARGV  conversation id, 'r' | 'w', message id, largest write-mode membership
  returns { 'ok', seq of the mode entry or '0' } | { 'again', last id }
]]
--@include ids
--@include entries
--@include operation
local earlier = answered()
if earlier then return earlier end
local id, mode, most = ARGV[1], ARGV[2], tonumber(ARGV[4])
local c = load(KEYS[1], '')
if not c or c.kind == 's' then return { 'ok', '0' } end
if not above(ARGV[3], c.last) then return { 'again', c.last } end
local wrote = '0'
if mode == 'r' then
  redis.call('HSET', KEYS[1], 'r', '1')
  if c.mode == 'w' then
    switch(c, id, ARGV[3], 'r', 'traffic')
    wrote = c.seq
  end
else
  redis.call('HSET', KEYS[1], 'r', '0')
  if c.mode == 'r' and c.members <= most then
    switch(c, id, ARGV[3], 'w', 'traffic')
    wrote = c.seq
  end
end
if wrote ~= '0' then save(c, KEYS[1], KEYS[2], KEYS[3]) end
return answer({ 'ok', tostring(wrote) })
