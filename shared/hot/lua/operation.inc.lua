-- A script is repeated when a connection broke before its answer: under the same message id it answers as it did, from the last of its keys.
local function answered()
  local kept = redis.call('GET', KEYS[#KEYS])
  return kept and cjson.decode(kept)
end
local function answer(result)
  redis.call('SET', KEYS[#KEYS], cjson.encode(result), 'PX', 60000)
  return result
end
