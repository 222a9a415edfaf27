-- KEYS: epoch, limits, the limit. ARGV: its name.
if seen[4] then
  -- Where another primary went before, a key that is not there counts as nearly used up.
  redis.call('HSET', KEYS[3], 'full_at', '0', 'count', '0', 'epoch', epoch)
  redis.call('ZADD', KEYS[2], '0', ARGV[1])
else
  redis.call('DEL', KEYS[3])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return {'done'}
