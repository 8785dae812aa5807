--[[ Asks a master whether it has the whole of a partition; if not, what is known of its predecessor's end.
  KEYS  the partition's life, what processes keep of its lost tail
  ARGV  how long processes keep writes (ms), life of what they bring (ms)
  returns { 'whole', highest number given by masters before } | { 'torn', number of the last write here, its time (ms), ms since this was first asked, process that wrote lately and has not
          brought all it keeps … }
]]
local me = redis.call('CLUSTER', 'MYID')
local h = redis.call('HMGET', KEYS[1], 'm', 'n', 'a')
if not h[1] or h[1] == me then return { 'whole', h[3] or '0' } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', KEYS[2], 'since', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[2], ARGV[2])
local since = tonumber(redis.call('HGET', KEYS[2], 'since'))
local row = { 'torn', h[2] or '0', '0', string.format('%.0f', now - since) }
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) == '@' then
    if tonumber(all[i + 1]) > tonumber(row[3]) then row[3] = all[i + 1] end
    if tonumber(all[i + 1]) > since - tonumber(ARGV[1]) and redis.call('HEXISTS', KEYS[2], all[i]) == 0 then row[#row + 1] = string.sub(all[i], 2) end
  end
end
return row
