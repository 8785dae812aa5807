--[[ Writes pointers and events into inboxes: all users of one Redis node (one slot on a cluster). Repeating it changes nothing.
  KEYS  per user: user, inbox; last: deliveries
  ARGV  seed of a new inbox's epoch, '1' if the archive wants inbox rows, number of ops; per op: letter, conversation, seq, extra, number of
        pointers, pointers; then per user: the user, its op numbers "1 2 …"
  Ops   E entries that follow each other in their conversation, from seq on, extra "first last" of their rising message ids
        B entry of the switch to read mode, extra as for E · W switch to write mode, delivered in the room · J joined, extra "state mode" · L left
        F followed, extra "+|- ordinal mode" · V event of one's own, extra: its ordinal, for it is taken once
  A record of (user, conversation): "state last joined readBegin readOffset everRead ordinal"; state a active, w owner of a feed, f follower, x former;
  last: the seq up to which the inbox holds it; readBegin −1 in write mode. The user's lists (lists.inc.lua), whose key is the user's with an s for the u,
  are forgotten when they may have changed.
  returns per user "first offset|numbers of the ops appended, * for all, n:k for the last k pointers of n|nodes|numbers of the ops that found a gap
          before them, and of those after them in the conversation"
]]
--@include ids
local seed, archive, count = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])
local ops, at = {}, 4
for i = 1, count do
  local n = tonumber(ARGV[at + 4])
  ops[i] = { ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3], n, at + 4 }
  at = at + 5 + n
end
local results, lines = {}, {}
for u = 1, (#KEYS - 1) / 2 do
  local userKey, user, wanted = KEYS[u * 2 - 1], ARGV[at], ARGV[at + 1]
  at = at + 2
  local ask, column, numbers = { 'HMGET', userKey, 'o', 'k', 'on', 'e', 'b' }, {}, {}
  for number in string.gmatch(wanted, '%d+') do
    local n = tonumber(number)
    numbers[#numbers + 1] = n
    local conversation = ops[n][2]
    if not column[conversation] then
      ask[#ask + 1] = conversation
      column[conversation] = #ask - 2
    end
  end
  local h = redis.call(unpack(ask))
  local offset, key = tonumber(h[1] or '0'), h[2] or '0'
  local first = offset + 1
  local records, pushed, appended, gaps, changed, relisted, whole = {}, {}, {}, {}, false, false, true
  for _, n in ipairs(numbers) do
    local op = ops[n]
    local letter, conversation, seq, extra = op[1], op[2], op[3], op[4]
    local r = records[conversation]
    if not r then
      local text = h[column[conversation]]
      if text then
        local state, last, joined, begin, beginOffset, ever, ordinal = string.match(text, '^(%a) (%d+) (%d+) (%-?%d+) (%d+) (%d) (%d+)$')
        r = { state, tonumber(last), joined, begin, beginOffset, ever, ordinal }
      else
        r = { '-', -1, '0', '-1', '0', '0', '0' }
      end
      records[conversation] = r
    end
    local put = false
    if r.gap then
      gaps[#gaps + 1] = n
    elseif letter == 'E' or letter == 'B' then
      local skip, size, start = r[2] + 1 - seq, op[5], op[6]
      if r[1] == '-' or (r[1] ~= 'x' and skip < 0) then
        gaps[#gaps + 1] = n
        r.gap = true
      elseif r[1] ~= 'x' and skip < size then
        r[2] = seq + size - 1
        local lowest, highest = string.match(extra, '^(%d+) (%d+)$')
        if skip == 0 and above(lowest, key) then
          for i = start + 1, start + size do pushed[#pushed + 1] = ARGV[i] end
          key = highest
        else
          for i = start + skip + 1, start + size do
            local pointer = ARGV[i]
            local id = string.match(pointer, '%d+$')
            if above(id, key) then
              key = id
              pushed[#pushed + 1] = pointer
            else
              key = nextId(key)
              pushed[#pushed + 1] = pointer .. ' ' .. key
            end
          end
        end
        offset = offset + size - skip
        if letter == 'B' then r[4], r[5], r[6], relisted = seq, offset, '1', true end
        if skip == 0 then
          appended[#appended + 1] = n
        else
          whole = false
          appended[#appended + 1] = n .. ':' .. (size - skip)
        end
      end
    elseif letter == 'W' then
      if r[1] ~= 'x' and r[1] ~= '-' and seq > r[2] then
        r[2], r[4], r[5], changed = seq, '-1', '0', true
      end
    elseif letter == 'J' then
      if seq > r[2] then
        put, relisted = true, true
        local state, mode = string.match(extra, '^(%a) (%a)$')
        r[1], r[2], r[3], r[4], r[5] = state, seq, seq, '-1', '0'
        if mode == 'r' then r[4], r[5], r[6] = seq, offset + 1, '1' end
      end
    elseif letter == 'L' then
      if r[1] ~= 'x' and r[1] ~= '-' and seq >= r[2] then
        put, relisted = true, true
        r[1], r[2], r[4], r[5] = 'x', seq, '-1', '0'
      end
    else
      local sign, ordinal, mode = string.match(extra, '^(%S) (%d+) (%S)$')
      if above(ordinal, r[7]) then
        r[7] = ordinal
        if letter == 'V' then
          put = r[1] ~= '-'
        else
          changed, relisted = true, true
          r[1], r[4], r[5] = sign == '+' and 'f' or 'x', '-1', '0'
          r[2] = math.max(r[2], seq)
          if sign == '+' then r[3] = seq end
          if mode == 'r' then r[6] = '1' end
        end
      end
    end
    if put then
      offset = offset + 1
      pushed[#pushed + 1] = ARGV[op[6] + 1]
      appended[#appended + 1] = n
    end
  end
  if #pushed > 0 then
    for i = 1, #pushed, 4000 do redis.call('RPUSH', KEYS[u * 2], unpack(pushed, i, math.min(i + 3999, #pushed))) end
  end
  if #pushed > 0 or changed then
    local set = { 'HSET', userKey, 'o', offset, 'k', key }
    if not h[4] then
      set[#set + 1] = 'e'
      set[#set + 1] = seed
    end
    for conversation, r in pairs(records) do
      if r[1] ~= '-' then
        set[#set + 1] = conversation
        set[#set + 1] = table.concat(r, ' ')
      end
    end
    redis.call(unpack(set))
    if relisted then redis.call('DEL', 's' .. string.sub(userKey, 2)) end
    if archive and #pushed > 0 then
      lines[#lines + 1] = user .. ' ' .. first .. ' ' .. (offset - tonumber(h[5] or '0')) .. ' ' .. (h[4] or seed) .. '\t' .. table.concat(pushed, '\t')
    end
  end
  results[u] = first .. '|' .. (whole and #appended == #numbers and '*' or table.concat(appended, ' ')) .. '|' .. (h[3] or '') .. '|' .. table.concat(gaps, ' ')
end
if #lines > 0 then redis.call('XADD', KEYS[#KEYS], '*', 'r', table.concat(lines, '\n')) end
return results
