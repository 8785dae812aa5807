-- Message ids are decimal strings past 2^53, so they are compared and raised as text.
local function above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end
local function nextId(id)
  local cut = #id > 9 and #id - 9 or 0
  local low = tostring(tonumber(string.sub(id, cut + 1)) + 1)
  if cut == 0 then return low end
  local width = #id - cut
  if #low <= width then return string.sub(id, 1, cut) .. string.rep('0', width - #low) .. low end
  return nextId(string.sub(id, 1, cut)) .. string.sub(low, 2)
end
