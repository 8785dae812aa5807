-- Writes ops into the inbox of one user, for the scripts that deliver. Needs ids.inc.lua.
-- ops by number: { letter, conversation, seq, extra (of E and B { lowest id, highest id }), number of pointers, place before the first, table that holds them }
-- wanted: numbers of the user's ops, those that there are none of not counting
-- ahead: what comes before these ops may be on its way still, so that who has left by the record may be back: for them too an op is a gap
-- return as deliver.lua for a user; the numbers of gaps, if there may be some; the line for the archive, if there is one

-- Whatever there is for the user, in the order of the numbers.
local function deliverAll(userKey, inboxKey, user, wanted, ops, seed, archive, ahead)
  local ask, column, numbers = { 'HMGET', userKey, 'o', 'k', 'on', 'e', 'b' }, {}, {}
  for number in string.gmatch(wanted, '%d+') do
    local n = tonumber(number)
    if ops[n] then
      numbers[#numbers + 1] = n
      local conversation = ops[n][2]
      if not column[conversation] then
        ask[#ask + 1] = conversation
        column[conversation] = #ask - 2
      end
    end
  end
  local h = redis.call(unpack(ask))
  local offset, key = tonumber(h[1] or '0'), h[2] or '0'
  local first, line = string.format('%d', offset + 1), nil
  local records, pushed, appended, gaps, changed, relisted, whole = {}, {}, {}, {}, false, false, true
  for _, n in ipairs(numbers) do
    local op = ops[n]
    local letter, conversation, seq, extra = op[1], op[2], op[3], op[4]
    local r = records[conversation]
    if not r then
      local text = h[column[conversation]]
      if text then
        local state, last, rest = string.match(text, '^(%a) (%d+) (.+)$')
        r = { state, tonumber(last), rest = rest }
      else
        r = { '-', -1, rest = '0 -1 0 0 0' }
      end
      records[conversation] = r
    end
    -- Most ops are entries, which leave the rest as it is.
    if letter ~= 'E' and r.rest then
      r[3], r[4], r[5], r[6], r[7] = string.match(r.rest, '^(%d+) (%-?%d+) (%d+) (%d) (%d+)$')
      r.rest = nil
    end
    local put = false
    if r.gap then
      gaps[#gaps + 1] = n
    elseif letter == 'E' or letter == 'B' then
      local skip, size, start, pointers = r[2] + 1 - seq, op[5], op[6], op[7]
      if r[1] == '-' or (r[1] ~= 'x' and skip < 0) or (ahead and r[1] == 'x') then
        gaps[#gaps + 1] = n
        r.gap = true
      elseif r[1] ~= 'x' and skip < size then
        r[2] = seq + size - 1
        if skip == 0 and above(extra[1], key) then
          for i = start + 1, start + size do pushed[#pushed + 1] = pointers[i] end
          key = extra[2]
        else
          for i = start + skip + 1, start + size do
            local pointer = pointers[i]
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
      pushed[#pushed + 1] = op[7][op[6] + 1]
      appended[#appended + 1] = n
    end
  end
  if #pushed > 0 then
    for i = 1, #pushed, 4000 do redis.call('RPUSH', inboxKey, unpack(pushed, i, math.min(i + 3999, #pushed))) end
  end
  if #pushed > 0 or changed then
    local set = { 'HSET', userKey, 'o', string.format('%d', offset), 'k', key }
    if not h[4] then
      set[#set + 1] = 'e'
      set[#set + 1] = seed
    end
    for conversation, r in pairs(records) do
      if r[1] ~= '-' then
        set[#set + 1] = conversation
        set[#set + 1] = r.rest and r[1] .. ' ' .. string.format('%d', r[2]) .. ' ' .. r.rest or table.concat(r, ' ')
      end
    end
    redis.call(unpack(set))
    if relisted then redis.call('DEL', 's' .. string.sub(userKey, 2)) end
    if archive and #pushed > 0 then
      line = user .. ' ' .. first .. ' ' .. (offset - tonumber(h[5] or '0')) .. ' ' .. (h[4] or seed) .. '\t' .. table.concat(pushed, '\t')
    end
  end
  local text = first .. '|' .. (whole and #appended == #numbers and '*' or table.concat(appended, ' ')) .. '|' .. (h[3] or '') .. '|' .. table.concat(gaps, ' ')
  return text, gaps, line
end
-- The many: entries that follow each other and what the inbox has, and nothing else for the user. nil where they are not.
local function deliverEntries(userKey, inboxKey, user, op, seed, archive)
  local call, format, conversation, seq, size, start, pointers = redis.call, string.format, op[2], op[3], op[5], op[6], op[7]
  local h = call('HMGET', userKey, 'o', 'k', 'on', 'e', 'b', conversation)
  local state, last, rest = string.match(h[6] or '', '^(%a) (%d+) (.+)$')
  if not state or state == 'x' or tonumber(last) ~= seq - 1 or not above(op[4][1], h[2] or '0') then return nil end
  local offset, line = tonumber(h[1] or '0') + size, nil
  local first = format('%d', offset - size + 1)
  local record = state .. ' ' .. format('%d', seq + size - 1) .. ' ' .. rest
  call('RPUSH', inboxKey, unpack(pointers, start + 1, start + size))
  if h[4] then
    call('HSET', userKey, 'o', format('%d', offset), 'k', op[4][2], conversation, record)
  else
    call('HSET', userKey, 'o', format('%d', offset), 'k', op[4][2], conversation, record, 'e', seed)
  end
  if archive then
    local hot = format('%d', offset - (h[5] or 0))
    line = user .. ' ' .. first .. ' ' .. hot .. ' ' .. (h[4] or seed) .. '\t' .. table.concat(pointers, '\t', start + 1, start + size)
  end
  return first .. '|*|' .. (h[3] or '') .. '|', nil, line
end
local function deliverTo(userKey, inboxKey, user, wanted, ops, seed, archive, ahead)
  local only = tonumber(wanted)
  local op = only and ops[only]
  if only and not op then return '' end
  if op and op[1] == 'E' then
    local text, _, line = deliverEntries(userKey, inboxKey, user, op, seed, archive)
    if text then return text, nil, line end
  end
  return deliverAll(userKey, inboxKey, user, wanted, ops, seed, archive, ahead)
end
