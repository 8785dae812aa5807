--[[ Commits sends: all that waits on one Redis node (one bucket on a cluster), grouped by conversation, in order of arrival.
  KEYS  per conversation: head, mailbox, outbox; then per send: dedupe table of this generation, of the one before
  ARGV  number of conversations; per conversation: its id, number of sends, and per send: user, digest, message id, "1" if countable, entry rest
  returns one string a send, in the order given: "1 seq count" committed | "2 seq id" committed before | "3" refused: not a member who may write
          | "4 id" the message id is not above the conversation's last, given here: take a new one (all later sends of the conversation get the same)
]]
--@include ids
local results, out = {}, {}
local arg, key = 2, 1
local conversations = tonumber(ARGV[1])
local dedupeKey = conversations * 3 + 1
for _ = 1, conversations do
  local id, sends = ARGV[arg], tonumber(ARGV[arg + 1])
  local head, mailbox, outbox = KEYS[key], KEYS[key + 1], KEYS[key + 2]
  key = key + 3
  arg = arg + 2
  local ask, column, first = { 'HMGET', head, 's', 'n', 'i', 'm', 'k', 'w' }, {}, arg
  for i = 0, sends - 1 do
    local user = ARGV[first + i * 5]
    if not column[user] then
      ask[#ask + 1] = '@' .. user
      column[user] = #ask - 2
    end
  end
  local h = redis.call(unpack(ask))
  local seq, count, last, mode = tonumber(h[1] or '0'), tonumber(h[2] or '0'), h[3] or '0', h[4]
  local entries, stale = {}, false
  local written = {}
  for i = 0, sends - 1 do
    local a = first + i * 5
    local user, digest, messageId = ARGV[a], ARGV[a + 1], ARGV[a + 2]
    local member = h[column[user]]
    local current, before = KEYS[dedupeKey], KEYS[dedupeKey + 1]
    dedupeKey = dedupeKey + 2
    if stale then
      results[#results + 1] = '4 ' .. last
    elseif not member or (h[5] == 'f' and h[6] ~= user) then
      results[#results + 1] = '3'
    elseif not above(messageId, last) then
      local earlier = redis.call('HGET', current, digest) or redis.call('HGET', before, digest)
      if earlier then
        results[#results + 1] = '2 ' .. earlier
      else
        stale = true
        results[#results + 1] = '4 ' .. last
      end
    else
      local earlier = false
      if redis.call('HSETNX', current, digest, (seq + 1) .. ' ' .. messageId) == 0 then
        earlier = redis.call('HGET', current, digest)
      else
        earlier = redis.call('HGET', before, digest)
        if earlier then redis.call('HSET', current, digest, earlier) end
      end
      if earlier then
        results[#results + 1] = '2 ' .. earlier
      else
        seq = seq + 1
        if ARGV[a + 3] == '1' then count = count + 1 end
        last = messageId
        entries[#entries + 1] = messageId .. ' ' .. count .. ' ' .. ARGV[a + 4]
        written[column[user]] = { user, seq, count }
        results[#results + 1] = '1 ' .. seq .. ' ' .. count
        local batch = out[outbox]
        if not batch then
          batch = {}
          out[outbox] = batch
        end
        batch[#batch + 1] = 'E ' .. id .. ' ' .. seq .. ' m ' .. messageId .. ' ' .. count .. ' ' .. mode
      end
    end
  end
  arg = first + sends * 5
  if #entries > 0 then
    redis.call('RPUSH', mailbox, unpack(entries))
    local set = { 'HSET', head, 's', seq, 'n', count, 'i', last, 'l', seq }
    for position, own in pairs(written) do
      local role, joined, at, flags, mark = string.match(h[position], '^(%a) (%d+) (%d+) %d+ %d+ (%d+) (%S+)$')
      set[#set + 1] = '@' .. own[1]
      set[#set + 1] = role .. ' ' .. joined .. ' ' .. at .. ' ' .. own[2] .. ' ' .. own[3] .. ' ' .. flags .. ' ' .. mark
    end
    redis.call(unpack(set))
  end
end
for outbox, batch in pairs(out) do
  redis.call('XADD', outbox, '*', 'r', table.concat(batch, '\n'))
end
return results
