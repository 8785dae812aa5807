--[[ Hot entries of many conversations by ranges of seqs.
  KEYS  per range: head, mailbox
  ARGV  per range: from seq, to seq (both included)
  returns per range { seq of the head, trimmed up to, first seq given, entry … }
]]
local found = {}
for i = 1, #KEYS, 2 do
  local h = redis.call('HMGET', KEYS[i], 's', 'b')
  local base = tonumber(h[2] or '0')
  local from = math.max(tonumber(ARGV[i]), base + 1)
  local to = tonumber(ARGV[i + 1])
  local row = { h[1] or '0', h[2] or '0', tostring(from) }
  if to >= from then
    for _, entry in ipairs(redis.call('LRANGE', KEYS[i + 1], from - base - 1, to - base - 1)) do row[#row + 1] = entry end
  end
  found[#found + 1] = row
end
return found
