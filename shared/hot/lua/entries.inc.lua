-- One conversation while a script changes it: load, append entries, switch mode by size, save. Needs ids.inc.
local function load(head, user)
  local h = redis.call('HMGET', head, 's', 'n', 'i', 'm', 'k', 'w', 'z', 'v', 'r', 'j', 'd', '@' .. user)
  if not h[1] then return nil end
  return {
    seq = tonumber(h[1]), count = tonumber(h[2]), last = h[3], mode = h[4], kind = h[5], owner = h[6], members = tonumber(h[7]),
    intervals = h[8], traffic = h[9] == '1', open = h[10] == 'o', ordinal = tonumber(h[11]), own = h[12], entries = {}, records = {},
  }
end
local function append(c, conversationId, id, letter, json)
  c.seq = c.seq + 1
  c.last = id
  c.entries[#c.entries + 1] = id .. ' ' .. c.count .. ' ' .. letter .. json
  c.records[#c.records + 1] = 'E ' .. conversationId .. ' ' .. c.seq .. ' ' .. letter .. ' ' .. id .. ' ' .. c.count .. ' ' .. c.mode
end
-- The mode entry is the last of the old mode; intervals of read mode are kept as "begin-end,…", the open one without an end.
local function switch(c, conversationId, id, mode, reason)
  append(c, conversationId, id, 'o', '"mode":"' .. (mode == 'r' and 'read' or 'write') .. '","reason":"' .. reason .. '"')
  c.mode = mode
  if mode == 'r' then
    c.intervals = (c.intervals == '' and '' or c.intervals .. ',') .. c.seq .. '-'
  else
    c.intervals = c.intervals .. c.seq
  end
end
local function switchBySize(c, conversationId, id, most)
  if c.kind == 's' then return end
  if c.mode == 'w' and c.members > most then
    switch(c, conversationId, id, 'r', 'size')
  elseif c.mode == 'r' and not c.traffic and c.members < most * 0.8 then
    switch(c, conversationId, id, 'w', 'size')
  end
end
local function save(c, head, mailbox, outbox)
  if #c.entries > 0 then redis.call('RPUSH', mailbox, unpack(c.entries)) end
  redis.call('HSET', head, 's', c.seq, 'n', c.count, 'i', c.last, 'm', c.mode, 'z', c.members, 'v', c.intervals, 'w', c.owner, 'd', c.ordinal)
  if #c.records > 0 then
    local placed = redis.call('XADD', outbox, '*', 'r', table.concat(c.records, '\n'), 'i', '+' .. string.match(c.records[1], '%d+'))
    redis.call('HSET', head, 'a', placed)
  end
end
