--[[ The newest part of a user's timeline as far as it is hot: the end of the inbox, and of the mailboxes that belong to it what is as new. Or, for a reader
     who has a place in it, the part from there on.
  KEYS  user, inbox, lists; then, if the fan-out matters, per partition: outbox; then per partition: its cursor; then per mailbox: head, mailbox, past
  ARGV  seed of a new inbox's epoch, epoch and offset of the place ('' from the end), message id that mailbox entries are below ('' none), how many
        pointers, how many messages the page has, entries of a mailbox, number of partitions, user, conversations of the mailboxes "1 2 …", then per mailbox: highest seq ('' none)
  returns { offset, trimmed up to, epoch, offset of the last pointer asked for, of the first one given, conversations that were ever in read mode "1 2 …",
          pointers joined by newlines, per partition '' or what is waited for, then, if the given mailboxes are these, as mixer.lua }.
          Waited for is "stream id" of the last record where messages are not in the inbox yet, or "stream id conversation …" where they may not be: in
          conversations that the inbox may not know of
]]
--@include ids
--@include seqs
--@include lists
--@include mailboxes
local h = redis.call('HMGET', KEYS[1], 'o', 'b', 'e')
if not h[3] then
  h[3] = ARGV[1]
  redis.call('HSET', KEYS[1], 'e', ARGV[1])
end
local offset, base, many = tonumber(h[1] or '0'), tonumber(h[2] or '0'), tonumber(ARGV[5])
local to = offset
if ARGV[2] == h[3] then to = math.min(to, tonumber(ARGV[3])) end
local from = math.max(to - many, base) + 1
local pointers = to >= from and redis.call('LRANGE', KEYS[2], from - base - 1, to - base - 1) or {}
local row = { tostring(offset), tostring(base), h[3], tostring(to), tostring(from), idsOf(KEYS[1], KEYS[3], 'r'), table.concat(pointers, '\n') }

-- So much of what the fan-out has to do is looked at: stream entries of a partition, and bytes of conversation ids over all. One that lags further is waited
-- for by everyone.
local MOST, left = 16, 2048
local partitions = tonumber(ARGV[8])
local cursors = partitions > 0 and redis.call('MGET', unpack(KEYS, 4 + partitions, 3 + 2 * partitions))
for p = 1, partitions do
  local waiting = redis.call('XRANGE', KEYS[3 + p], '(' .. (cursors[p] or '0-0'), '+', 'COUNT', left > 0 and MOST or 1)
  if #waiting == 0 then
    row[#row + 1] = ''
  else
    local said, ask, mine = { waiting[#waiting][1] }, { 'HMGET', KEYS[1] }, left <= 0 or #waiting == MOST
    for _, entry in ipairs(waiting) do
      local ids = entry[2][4]
      if mine or not ids then
        mine = true
        break
      end
      left = left - #ids
      for sign, id in string.gmatch(ids, '(%+?)(%d+)') do
        if sign == '' then ask[#ask + 1] = id else said[#said + 1] = id end
      end
    end
    if mine then
      said = { redis.call('XREVRANGE', KEYS[3 + p], '+', '-', 'COUNT', 1)[1][1] }
    elseif #ask > 2 then
      for _, record in ipairs(redis.call(unpack(ask))) do
        if record and string.sub(record, 1, 1) ~= 'x' then mine = true end
      end
      if mine then said = { said[1] } end
    end
    row[#row + 1] = (mine or #said > 1) and table.concat(said, ' ') or ''
  end
end

if row[6] == ARGV[10] then
  local floor, before = '', tonumber(ARGV[6])
  for i = #pointers, 1, -1 do
    if string.sub(pointers[i], 1, 2) == 'm ' then
      if before == 0 then
        floor = string.match(pointers[i], '%d+$')
        break
      end
      before = before - 1
    end
  end
  local rows
  floor, rows = mailboxEnds(4 + 2 * partitions, ARGV[9], ARGV[4], floor, tonumber(ARGV[6]), tonumber(ARGV[7]), 11)
  row[#row + 1] = floor
  for _, one in ipairs(rows) do row[#row + 1] = one end
end
return row
