--[[ Puts entries where those of a conversation are lost: messages that the archive had, and else some that change nothing, so that no number is given
     twice. A thousand at once: it is called until there are no more.
  KEYS  head, mailbox, outbox
  ARGV  conversation id, user whom the latter name, highest lost seq, seq of the first one given here; then the mailbox's text of each message, '' where
        there is none
  returns { messages put, other entries put }
]]
--@include ids
--@include entries
local c = load(KEYS[1], '')
if not c then return { 0, 0 } end
local id, first, messages, others, newest = ARGV[1], tonumber(ARGV[4]), 0, 0, nil
while c.seq < tonumber(ARGV[3]) and #c.entries < 1000 do
  local text = ARGV[5 + c.seq + 1 - first] or ''
  local message, count = string.match(text, '^(%d+) (%d+) ')
  if message and above(message, c.last) then
    c.seq, c.last, c.count = c.seq + 1, message, tonumber(count)
    c.entries[#c.entries + 1] = text
    c.records[#c.records + 1] = 'E ' .. id .. ' ' .. c.seq .. ' m ' .. message .. ' ' .. count .. ' ' .. c.mode
    messages, newest = messages + 1, c.seq
  else
    append(c, id, nextId(c.last), 'u', '"by":"' .. ARGV[2] .. '","changes":{}')
    others = others + 1
  end
end
if #c.entries > 0 then save(c, KEYS[1], KEYS[2], KEYS[3]) end
if newest then redis.call('HSET', KEYS[1], 'l', newest) end
return { messages, others }
