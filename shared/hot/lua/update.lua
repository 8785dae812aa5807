--[[ Changes what all members see (admins), and what one member keeps for oneself.
  KEYS  head, mailbox, outbox, operation
  ARGV  conversation id, actor, message id, number of fields, per field: field, value, JSON member that shows it; then flags to set, flags to clear (bits, decimal)
  returns { 'ok', '1' if an entry was written else '0', '1' if one's own flags changed else '0' } | { 'refused', code } | { 'again', last id }
]]
--@include ids
--@include entries
--@include operation
local earlier = answered()
if earlier then return earlier end
local id, actor = ARGV[1], ARGV[2]
local c = load(KEYS[1], actor)
if not c or not c.own then return { 'refused', '103' } end
local role = string.sub(c.own, 1, 1)
local fields = tonumber(ARGV[4])
local wrote, own = '0', '0'
if fields > 0 then
  if c.kind == 's' then return { 'refused', '107' } end
  if role ~= 'o' and role ~= 'a' then return { 'refused', '103' } end
  if not above(ARGV[3], c.last) then return { 'again', c.last } end
  local set, json = { 'HSET', KEYS[1] }, {}
  for i = 0, fields - 1 do
    local field, value, shown = ARGV[5 + i * 3], ARGV[6 + i * 3], ARGV[7 + i * 3]
    if redis.call('HGET', KEYS[1], field) ~= value then
      set[#set + 1] = field
      set[#set + 1] = value
      json[#json + 1] = shown
    end
  end
  if #json > 0 then
    redis.call(unpack(set))
    append(c, id, ARGV[3], 'u', '"by":"' .. actor .. '","changes":{' .. table.concat(json, ',') .. '}')
    wrote = '1'
  end
end
local mark, clear = tonumber(ARGV[#ARGV - 1]), tonumber(ARGV[#ARGV])
local before, flags, rest = string.match(c.own, '^(%a %d+ %d+ %d+ %d+ )(%d+)( .*)$')
local now = bit.bor(bit.band(tonumber(flags), bit.bnot(clear)), mark)
if now ~= tonumber(flags) then
  redis.call('HSET', KEYS[1], '@' .. actor, before .. now .. rest)
  c.records[#c.records + 1] = 'P ' .. id .. ' ' .. actor
  own = '1'
end
if wrote == '1' or own == '1' then save(c, KEYS[1], KEYS[2], KEYS[3]) end
return answer({ 'ok', wrote, own })
