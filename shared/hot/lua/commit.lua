--[[ Commits sends: all that waits on one Redis node (for one partition on a cluster), grouped by conversation, in order of arrival. Where the caller names the
     members of a conversation that is copied, what is committed goes into their inboxes in the same step, as far as these have all before it.
  KEYS  per conversation: head, mailbox, outbox, dedupe table of this generation, of the one before; per user named: user, inbox; deliveries if any is named
  ARGV  number of conversations; per conversation: its id, number of sends, seq up to which the caller's room has been given it ('' if unknown), its membership as
        the caller knows it "ordinal members" ('' if unknown), and per send: user, digest, message id, "1" if countable, entry rest; then, if users are
        named: seed of a new inbox's epoch, '1' if the archive wants inbox rows, and per user: the user, the numbers of their conversations "1 2 …"
  returns one string a send, in the order given: "1 seq count" committed | "2 seq id" committed before | "3" refused: not a member who may write, or one of the pair of a
          single blocks the other
          | "4 id" the message id is not above the conversation's last, given here: take a new one (all later sends of the conversation get the same);
          then one a conversation: its mode and + if what was committed was handed over (in read mode: the caller is to give it to the room), else how it is
          left to the fan-out: ! somebody's inbox lacks something before it, ~ the membership is another, - otherwise; '' if nothing was committed;
          then one a user as deliver.lua, the ops having the numbers of their conversations; '' if there was none
]]
--@include ids
--@include deliver
local format, call = string.format, redis.call
local conversations = tonumber(ARGV[1])
local results, answers, chunks, ops = {}, {}, {}, {}
local HEAD = 10
local cursors = {}
-- True if the fan-out has yet to give a user something of their own in this conversation, like how far they have read: what is said comes behind it.
local function pending(key, h)
  if not h[10] or h[10] == '' then return false end
  local outbox = KEYS[key + 2]
  cursors[outbox] = cursors[outbox] or call('GET', 'cur:' .. string.sub(outbox, 5) .. ':fanout') or '0-0'
  local ms, n = string.match(h[10], '^(%d+)-(%d+)$')
  local doneMs, doneN = string.match(cursors[outbox], '^(%d+)-(%d+)$')
  return above(ms, doneMs) or (ms == doneMs and above(n, doneN))
end
local function refused(h, member, user)
  return not member or (h[5] == 'f' and h[6] ~= user)
end
local function barred(h)
  return h[7] and string.sub(h[7], -1) == '+'
end
local function copied(h, membership, waits)
  return not waits and h[4] == 'w' and membership ~= '' and membership == h[8] .. ' ' .. h[9]
end
-- A member's record, read up to what they have sent.
local function readUpTo(record, place)
  local before, after = string.match(record, '^(%a %d+ %d+ )%d+ %d+(.*)$')
  return before .. place .. after
end
-- Says how the entries of a conversation are handed over: `pointers` where they are copied.
local function handOver(c, id, h, given, membership, waits, first, lowest, highest, pointers)
  if pointers then
    ops[c] = { 'E', id, first, { lowest, highest }, #pointers, 0, pointers }
    return 'w+'
  elseif h[4] == 'r' then
    return not waits and given ~= '' and tonumber(given) == first - 1 and 'r+' or 'r-'
  end
  return (waits or membership == '') and 'w-' or 'w~'
end
-- The many: one send of a conversation.
local function commitOne(c, key, id, given, membership, user, digest, messageId, countable, rest)
  local head, current = KEYS[key], KEYS[key + 3]
  local field = '@' .. user
  local h = call('HMGET', head, 's', 'n', 'i', 'm', 'k', 'w', 'f', 'd', 'z', 'a', field)
  local member, last = h[HEAD + 1], h[3] or '0'
  if refused(h, member, user) then return '3', '' end
  local earlier = call('HGET', current, digest)
  if earlier then return '2 ' .. earlier, '' end
  earlier = call('HGET', KEYS[key + 4], digest)
  if earlier then
    call('HSET', current, digest, earlier)
    return '2 ' .. earlier, ''
  end
  if barred(h) then return '3', '' end
  if not above(messageId, last) then return '4 ' .. last, '' end
  local seq = tonumber(h[1]) + 1
  local seqText, countText = format('%d', seq), countable == '1' and format('%d', tonumber(h[2]) + 1) or h[2]
  local place = seqText .. ' ' .. countText
  call('HSET', current, digest, seqText .. ' ' .. messageId)
  call('RPUSH', KEYS[key + 1], messageId .. ' ' .. countText .. ' ' .. rest)
  local waits = pending(key, h)
  call('HSET', head, 's', seqText, 'n', countText, 'i', messageId, 'l', seqText, field, readUpTo(member, place), 'a', waits and h[10] or '')
  local pointers = copied(h, membership, waits) and { 'm ' .. id .. ' ' .. place .. ' ' .. messageId }
  chunks[c] = { 'E ' .. id .. ' ' .. seqText .. ' m ' .. messageId .. ' ' .. countText .. ' ' .. h[4], seq == 1, h }
  return '1 ' .. place, handOver(c, id, h, given, membership, waits, seq, messageId, messageId, pointers)
end
local function commitMany(c, key, id, sends, given, membership, arg)
  local head, current = KEYS[key], KEYS[key + 3]
  local ask, column = { 'HMGET', head, 's', 'n', 'i', 'm', 'k', 'w', 'f', 'd', 'z', 'a' }, {}
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
  local h = call(unpack(ask))
  local seq, count, last = tonumber(h[1] or '0'), tonumber(h[2] or '0'), h[3] or '0'
  local known, older = call(unpack(now)), call(unpack(before))
  local entries, lines, added, lowest = {}, {}, 0, nil
  local waits = pending(key, h)
  local pointers = copied(h, membership, waits) and {}
  local remember, fresh, written, stale = { 'HSET', current }, {}, {}, false
  for i = 0, sends - 1 do
    local a = arg + i * 5
    local user, digest, messageId = ARGV[a], ARGV[a + 1], ARGV[a + 2]
    local earlier = fresh[digest] or known[i + 1] or older[i + 1]
    if stale then
      results[#results + 1] = '4 ' .. last
    elseif refused(h, h[column[user]], user) then
      results[#results + 1] = '3'
    elseif earlier then
      if not fresh[digest] and not known[i + 1] then
        remember[#remember + 1] = digest
        remember[#remember + 1] = earlier
      end
      results[#results + 1] = '2 ' .. earlier
    elseif barred(h) then
      results[#results + 1] = '3'
    elseif not above(messageId, last) then
      stale = true
      results[#results + 1] = '4 ' .. last
    else
      added = added + 1
      seq = seq + 1
      if ARGV[a + 3] == '1' then count = count + 1 end
      last = messageId
      lowest = lowest or messageId
      local seqText, countText = format('%d', seq), format('%d', count)
      local place, named = seqText .. ' ' .. countText, seqText .. ' ' .. messageId
      entries[added] = messageId .. ' ' .. countText .. ' ' .. ARGV[a + 4]
      written[column[user]] = place
      results[#results + 1] = '1 ' .. place
      fresh[digest] = named
      remember[#remember + 1] = digest
      remember[#remember + 1] = named
      lines[added] = 'E ' .. id .. ' ' .. seqText .. ' m ' .. messageId .. ' ' .. countText .. ' ' .. h[4]
      if pointers then pointers[added] = 'm ' .. id .. ' ' .. place .. ' ' .. messageId end
    end
  end
  if #remember > 2 then call(unpack(remember)) end
  if added == 0 then return '' end
  call('RPUSH', KEYS[key + 1], unpack(entries))
  local seqText = format('%d', seq)
  local set = { 'HSET', head, 's', seqText, 'n', format('%d', count), 'i', last, 'l', seqText, 'a', waits and h[10] or '' }
  for position, place in pairs(written) do
    set[#set + 1] = ask[position + 2]
    set[#set + 1] = readUpTo(h[position], place)
  end
  call(unpack(set))
  local first = seq - added + 1
  chunks[c] = { lines, first == 1, h }
  return handOver(c, id, h, given, membership, waits, first, lowest, last, pointers)
end
local arg = 2
for c = 1, conversations do
  local key, id, given, membership = c * 5 - 4, ARGV[arg], ARGV[arg + 2], ARGV[arg + 3]
  local sends = tonumber(ARGV[arg + 1])
  arg = arg + 4
  if sends == 1 then
    results[#results + 1], answers[c] = commitOne(c, key, id, given, membership, unpack(ARGV, arg, arg + 4))
  else
    answers[c] = commitMany(c, key, id, sends, given, membership, arg)
  end
  arg = arg + sends * 5
end
local inboxes, archived = {}, {}
for user = 1, (#KEYS - conversations * 5 - 1) / 2 do
  local key, seed, archive = conversations * 5 + user * 2 - 1, ARGV[arg], ARGV[arg + 1] == '1'
  local gaps, line
  inboxes[user], gaps, line =
    deliverTo(KEYS[key], KEYS[key + 1], ARGV[arg + user * 2], ARGV[arg + user * 2 + 1], ops, seed, archive, true)
  for _, c in ipairs(gaps or {}) do answers[c] = 'w!' end
  archived[#archived + 1] = line
end
if #archived > 0 then call('XADD', KEYS[#KEYS], '*', 'r', table.concat(archived, '\n')) end
local out, concerned = {}, {}
arg = 2
for c = 1, conversations do
  local chunk = chunks[c]
  if chunk then
    local lines, h, answer, outbox, mark = chunk[1], chunk[3], answers[c], KEYS[c * 5 - 2], ''
    if not out[outbox] then out[outbox], concerned[outbox] = {}, {} end
    if answer == 'w+' then
      mark = (h[5] == 's' and '=' or '+') .. h[9]
    elseif answer == 'r+' then
      mark = '+'
    elseif h[4] == 'w' then
      -- The first message of a single conversation shows it to the other side.
      table.insert(concerned[outbox], (chunk[2] and '+' or '') .. ARGV[arg])
    end
    local batch = out[outbox]
    batch[#batch + 1] = type(lines) == 'string' and lines .. mark or table.concat(lines, mark .. '\n') .. mark
  end
  arg = arg + 4 + ARGV[arg + 1] * 5
end
for outbox, batch in pairs(out) do
  call('XADD', outbox, '*', 'r', table.concat(batch, '\n'), 'i', table.concat(concerned[outbox], ' '))
end
for c = 1, conversations do results[#results + 1] = answers[c] end
for user = 1, #inboxes do results[#results + 1] = inboxes[user] end
return results
