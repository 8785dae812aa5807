--[[ Moves a member's read seq forward. The count at the seq comes from the mailbox, from the head, or, where the entry is no longer hot, from the caller.
  KEYS  head, mailbox, outbox
  ARGV  conversation id, user, seq, count at the seq ('' if not known)
  returns { 'ok', readSeq, unread } | { 'refused', code } | { 'cold', seq }: the count at this seq is needed from the archive
]]
local id, user, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3])
local h = redis.call('HMGET', KEYS[1], 's', 'n', 'b', '@' .. user)
if not h[1] or not h[4] then return { 'refused', '103' } end
local seq, count, base = tonumber(h[1]), tonumber(h[2]), tonumber(h[3])
local role, joined, at, readSeq, readCount, flags, mark = string.match(h[4], '^(%a) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+)$')
if wanted > seq then wanted = seq end
local start = math.max(tonumber(readSeq), tonumber(joined))
local unmarked = bit.band(tonumber(flags), 3)
if wanted <= tonumber(readSeq) then
  if unmarked ~= tonumber(flags) then
    local placed = redis.call('XADD', KEYS[3], '*', 'r', 'P ' .. id .. ' ' .. user, 'i', '')
    local record = role .. ' ' .. joined .. ' ' .. at .. ' ' .. readSeq .. ' ' .. readCount .. ' ' .. unmarked .. ' ' .. mark
    redis.call('HSET', KEYS[1], '@' .. user, record, 'a', placed)
  end
  return { 'ok', readSeq, tostring(math.max(0, count - tonumber(readCount))) }
end
local at_count = readCount
if wanted > start then
  if wanted == seq then
    at_count = count
  elseif wanted > base then
    local entry = redis.call('LINDEX', KEYS[2], wanted - base - 1)
    at_count = string.match(entry, '^%d+ (%d+)')
  elseif ARGV[4] ~= '' then
    at_count = ARGV[4]
  else
    return { 'cold', tostring(wanted) }
  end
end
local placed = redis.call('XADD', KEYS[3], '*', 'r', 'R ' .. id .. ' ' .. user .. ' ' .. wanted .. ' ' .. at_count, 'i', '')
local record = role .. ' ' .. joined .. ' ' .. at .. ' ' .. wanted .. ' ' .. at_count .. ' ' .. unmarked .. ' ' .. mark
redis.call('HSET', KEYS[1], '@' .. user, record, 'a', placed)
return { 'ok', tostring(wanted), tostring(math.max(0, count - tonumber(at_count))) }
