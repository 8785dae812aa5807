-- A list "node,node" or "node:rest,node:rest" with this in place of what it says of the node; '' takes the node out.
local function withNode(list, node, part)
  -- The many: there is no other node.
  if not list or list == '' or list == node then return part end
  local kept, put = {}, part == ''
  for one in string.gmatch(list, '[^,]+') do
    if one ~= node and string.sub(one, 1, #node + 1) ~= node .. ':' then
      kept[#kept + 1] = one
    elseif not put then
      kept[#kept + 1] = part
      put = true
    end
  end
  if not put then kept[#kept + 1] = part end
  return table.concat(kept, ',')
end
