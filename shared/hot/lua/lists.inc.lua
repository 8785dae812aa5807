-- Ids of a user's conversations: 'r' those that were ever in read mode, 'c' those of lists and totals. Made of the user's records when first asked for,
-- forgotten by deliver.lua when what they are made of changes. That they could not be kept, in a full Redis, is no harm.
local function idsOf(user, lists, which)
  local known = redis.call('HGET', lists, which)
  if known then return known end
  local made = { r = {}, c = {} }
  local all = redis.call('HGETALL', user)
  for i = 1, #all, 2 do
    if string.find(all[i], '^%d') then
      local state, ever = string.match(all[i + 1], '^(%a) %d+ %d+ %-?%d+ %d+ (%d)')
      if ever == '1' then made.r[#made.r + 1] = all[i] end
      if state == 'a' or state == 'w' then made.c[#made.c + 1] = all[i] end
    end
  end
  for field, ids in pairs(made) do made[field] = table.concat(ids, ' ') end
  redis.pcall('HSET', lists, 'r', made.r, 'c', made.c)
  return made[which]
end
