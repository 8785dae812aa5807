-- The highest seq from base to high whose entry has an id below the given one; base if there is none. Needs ids.inc.
local function lastBelow(mailbox, base, high, below)
  local low = base
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    if above(below, string.match(redis.call('LINDEX', mailbox, middle - base - 1), '^%d+')) then low = middle else high = middle - 1 end
  end
  return low
end
