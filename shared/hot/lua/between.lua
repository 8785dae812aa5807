--[[ All that is kept of a pair of users outside of the graph.
  KEYS  facts of a, facts of b, told of a, told of b, feed of a, feed of b
  ARGV  a, b
  returns { line of a, line of b, told of a, told of b, feed of a, feed of b }, '' for what there is not
]]
return {
  redis.call('HGET', KEYS[1], ARGV[2]) or '', redis.call('HGET', KEYS[2], ARGV[1]) or '',
  redis.call('GET', KEYS[3]) or '', redis.call('GET', KEYS[4]) or '',
  redis.call('GET', KEYS[5]) or '', redis.call('GET', KEYS[6]) or '',
}
