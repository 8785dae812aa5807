--[[ Hot pointers of many inboxes by ranges of offsets.
  KEYS  per range: user, inbox
  ARGV  per range: from offset, to offset (both included)
  returns per range { offset, trimmed up to, epoch, first offset given, pointer … }
]]
local found = {}
for i = 1, #KEYS, 2 do
  local h = redis.call('HMGET', KEYS[i], 'o', 'b', 'e')
  local offset, base = tonumber(h[1] or '0'), tonumber(h[2] or '0')
  local from = math.max(tonumber(ARGV[i]), base + 1)
  local to = math.min(tonumber(ARGV[i + 1]), offset)
  local row = { tostring(offset), tostring(base), h[3] or '', tostring(from) }
  if to >= from then
    for _, pointer in ipairs(redis.call('LRANGE', KEYS[i + 1], from - base - 1, to - base - 1)) do row[#row + 1] = pointer end
  end
  found[#found + 1] = row
end
return found
