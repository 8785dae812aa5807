--[[ Commits sends: all that waits on one Redis node (for one partition on a cluster), grouped by conversation, in order of arrival.
  KEYS  per conversation: head, mailbox, outbox, dedupe table of this generation, of the one before
  ARGV  per conversation: its id, number of sends, and per send: user, digest, message id, "1" if countable, entry rest
  returns one string a send, in the order given: "1 seq count" committed | "2 seq id" committed before | "3" refused: not a member who may write, or one of the pair of a
          single blocks the other
          | "4 id" the message id is not above the conversation's last, given here: take a new one (all later sends of the conversation get the same)
]]
--@include ids
local results, out, concerned = {}, {}, {}
local arg = 1
for key = 1, #KEYS, 5 do
  local id, sends = ARGV[arg], tonumber(ARGV[arg + 1])
  local head, outbox, current = KEYS[key], KEYS[key + 2], KEYS[key + 3]
  arg = arg + 2
  local ask, column = { 'HMGET', head, 's', 'n', 'i', 'm', 'k', 'w', 'f' }, {}
  local now, before = { 'HMGET', current }, { 'HMGET', KEYS[key + 4] }
  for i = 0, sends - 1 do
    local user, digest = ARGV[arg + i * 5], ARGV[arg + i * 5 + 1]
    if not column[user] then
      ask[#ask + 1] = '@' .. user
      column[user] = #ask - 2
    end
    now[i + 3] = digest
    before[i + 3] = digest
  end
  local h = redis.call(unpack(ask))
  local seq, count, last, mode = tonumber(h[1] or '0'), tonumber(h[2] or '0'), h[3] or '0', h[4]
  local known, older = redis.call(unpack(now)), redis.call(unpack(before))
  local barred = h[7] and string.sub(h[7], -1) == '+'
  local entries, remember, fresh, written, stale = {}, { 'HSET', current }, {}, {}, false
  local batch = out[outbox]
  for i = 0, sends - 1 do
    local a = arg + i * 5
    local user, digest, messageId = ARGV[a], ARGV[a + 1], ARGV[a + 2]
    local member = h[column[user]]
    local earlier = fresh[digest] or known[i + 1] or older[i + 1]
    if stale then
      results[#results + 1] = '4 ' .. last
    elseif not member or (h[5] == 'f' and h[6] ~= user) then
      results[#results + 1] = '3'
    elseif earlier then
      if not fresh[digest] and not known[i + 1] then
        remember[#remember + 1] = digest
        remember[#remember + 1] = earlier
      end
      results[#results + 1] = '2 ' .. earlier
    elseif barred then
      results[#results + 1] = '3'
    elseif not above(messageId, last) then
      stale = true
      results[#results + 1] = '4 ' .. last
    else
      seq = seq + 1
      if ARGV[a + 3] == '1' then count = count + 1 end
      last = messageId
      entries[#entries + 1] = messageId .. ' ' .. count .. ' ' .. ARGV[a + 4]
      written[column[user]] = { user, seq, count }
      results[#results + 1] = '1 ' .. seq .. ' ' .. count
      fresh[digest] = seq .. ' ' .. messageId
      remember[#remember + 1] = digest
      remember[#remember + 1] = fresh[digest]
      if not batch then
        batch = {}
        out[outbox], concerned[outbox] = batch, {}
      end
      batch[#batch + 1] = 'E ' .. id .. ' ' .. seq .. ' m ' .. messageId .. ' ' .. count .. ' ' .. mode
    end
  end
  arg = arg + sends * 5
  if #remember > 2 then redis.call(unpack(remember)) end
  if #entries > 0 then
    redis.call('RPUSH', KEYS[key + 1], unpack(entries))
    -- The first message of a single conversation shows it to the other side.
    if mode == 'w' then table.insert(concerned[outbox], (seq == #entries and '+' or '') .. id) end
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
  redis.call('XADD', outbox, '*', 'r', table.concat(batch, '\n'), 'i', table.concat(concerned[outbox], ' '))
end
return results
