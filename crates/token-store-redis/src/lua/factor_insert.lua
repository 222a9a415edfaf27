-- KEYS: epoch, factor, the subject's set. ARGV: id, fields and values.
if redis.call('EXISTS', KEYS[2]) == 1 then return {'done', 0} end
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
redis.call('SADD', KEYS[3], ARGV[1])
return {'done', 1}
