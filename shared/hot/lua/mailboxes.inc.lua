-- The newest hot entries of a mailbox that may belong to a user's timeline, and what tells which of them do: see mixer.lua. Needs ids.inc, seqs.inc.
local function mailboxEnd(head, mailbox, past, user, below, floor, many, upTo)
  local h = redis.call('HMGET', head, 's', 'i', 'b', 'v', '@' .. user)
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
