--[[ Heads of hot mailbox entries below a message id, for the timeline: of each mailbox the newest few in its intervals.
  KEYS  per mailbox: head, mailbox
  ARGV  message id (not included; '' from the end), how many each, then per mailbox: intervals "from-to,…" ascending (to included; '' open)
  returns per mailbox { seq of the head, trimmed up to, '1' if hot entries below those given are left else '0', id of the oldest hot entry ('' none),
          "seq id letter", … } newest first
]]
--@include ids
local bound, many = ARGV[1], tonumber(ARGV[2])
local found = {}
for i = 1, #KEYS, 2 do
  local h = redis.call('HMGET', KEYS[i], 's', 'b')
  local seq, base = tonumber(h[1] or '0'), tonumber(h[2] or '0')
  local low, high = base, seq
  if bound ~= '' then
    while low < high do
      local middle = math.floor((low + high + 1) / 2)
      local id = string.match(redis.call('LINDEX', KEYS[i + 1], middle - base - 1), '^%d+')
      if above(bound, id) then low = middle else high = middle - 1 end
    end
    high = low
  end
  local intervals = {}
  for from, to in string.gmatch(ARGV[2 + (i + 1) / 2], '(%d+)%-(%d*)') do
    intervals[#intervals + 1] = { tonumber(from), to == '' and seq or tonumber(to) }
  end
  local oldest = seq > base and redis.call('LINDEX', KEYS[i + 1], 0)
  local row, taken, left = { h[1] or '0', h[2] or '0', '0', oldest and string.match(oldest, '^%d+') or '' }, 0, false
  for k = #intervals, 1, -1 do
    local to = math.min(high, intervals[k][2])
    local from = math.max(intervals[k][1], base + 1)
    if to >= from then
      local start = math.max(from, to - (many - taken) + 1)
      if taken < many then
        local some = redis.call('LRANGE', KEYS[i + 1], start - base - 1, to - base - 1)
        for e = #some, 1, -1 do
          local id, letter = string.match(some[e], '^(%d+) %d+ (%a)')
          row[#row + 1] = (start + e - 1) .. ' ' .. id .. ' ' .. letter
        end
        taken = taken + #some
        if start > from then left = true end
      else
        left = true
      end
    end
  end
  if left then row[3] = '1' end
  found[#found + 1] = row
end
return found
