-- The newest hot entries of a mailbox that may belong to a user's timeline, and what tells which of them do: see mixer.lua. Needs ids.inc, seqs.inc.
local function mailboxEnd(h, mailbox, past, user, below, floor, many, upTo)
  if not h[1] then return '' end
  -- Most mailboxes have nothing as new as the rest of the page.
  if floor ~= '' and above(floor, h[2]) then return h[1] end
  local stays = redis.call('HGET', past, user) or ''
  local base, high = tonumber(h[3]), tonumber(h[1])
  if upTo ~= '' then high = math.min(high, tonumber(upTo)) end
  if not h[5] then high = math.min(high, tonumber(string.match(stays, '%-(%d+);') or '0')) end
  local ended = h[4] == '' and '0' or string.match(h[4], '%-(%d+)$')
  if ended then high = math.min(high, tonumber(ended)) end
  if below ~= '' and high > base and not above(below, h[2]) then
    high = lastBelow(mailbox, base, high, below)
  end
  local row, cut = { '' }, '0'
  if high > base then
    local some = redis.call('LRANGE', mailbox, math.max(high - many, base) - base, high - base - 1)
    for e = #some, 1, -1 do
      if floor ~= '' and above(floor, string.match(some[e], '^%d+')) then
        cut = '1'
        break
      end
      row[#row + 1] = some[e]
    end
  end
  local oldest = #row == 1 and cut == '0' and redis.call('LINDEX', mailbox, 0)
  row[1] = h[1] .. '|' .. h[3] .. '|' .. (h[5] or '') .. '|' .. stays .. '|' .. h[4] .. '|' .. high .. '|' .. cut .. '|'
    .. (oldest and string.match(oldest, '^%d+') or '')
  return table.concat(row, '\n')
end

-- The same of all mailboxes whose keys (head, mailbox, past) stand from the given one on, and whose highest seqs stand in ARGV from the given one on. Where
-- more of them than a page has messages certainly have one of the user's at their end, what comes after a page of these is not wanted either: that
-- raises the floor, and spares opening the others. Gives the floor and the rows.
local function mailboxEnds(first, user, below, floor, messages, many, upTos)
  local heads, ends, idOf = {}, {}, {}
  for i = first, #KEYS, 3 do
    local h = redis.call('HMGET', KEYS[i], 's', 'i', 'b', 'v', '@' .. user, 'l', 'm')
    heads[#heads + 1] = h
    if messages > 0 and h[5] and h[7] == 'r' and h[6] == h[1] and (below == '' or above(below, h[2])) then
      local seq, upTo = tonumber(h[1]), ARGV[upTos + #heads - 1]
      if (upTo == '' or tonumber(upTo) >= seq) and tonumber(string.match(h[5], '^%a (%d+)')) < seq then
        -- To the precision of a double: a floor that is a little off costs or spares a mailbox.
        local id = tonumber(h[2])
        ends[#ends + 1] = id
        idOf[id] = h[2]
      end
    end
  end
  if messages > 0 and #ends > messages then
    table.sort(ends)
    local after = idOf[ends[#ends - messages]]
    if floor == '' or above(after, floor) then floor = after end
  end
  local rows = {}
  for n, h in ipairs(heads) do
    local i = first + 3 * (n - 1)
    rows[n] = mailboxEnd(h, KEYS[i + 1], KEYS[i + 2], user, below, floor, many, ARGV[upTos + n - 1])
  end
  return floor, rows
end
