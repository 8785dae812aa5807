--[[ Hot pointers of an inbox.
  KEYS  user, inbox
  ARGV  from offset, to offset (both included; to '-1': the end)
  returns { offset, trimmed up to, epoch, first offset given, pointer … }
]]
local h = redis.call('HMGET', KEYS[1], 'o', 'b', 'e')
local offset, base = tonumber(h[1] or '0'), tonumber(h[2] or '0')
local from = math.max(tonumber(ARGV[1]), base + 1)
local to = tonumber(ARGV[2])
if to < 0 or to > offset then to = offset end
local row = { tostring(offset), tostring(base), h[3] or '', tostring(from) }
if to >= from then
  for _, pointer in ipairs(redis.call('LRANGE', KEYS[2], from - base - 1, to - base - 1)) do row[#row + 1] = pointer end
end
return row
