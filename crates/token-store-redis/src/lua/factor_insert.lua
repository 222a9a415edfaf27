-- KEYS: epoch, factor, dead, the subject's set, owners. ARGV: id, since when it may be purged or nothing, fields and values.
if redis.call('EXISTS', KEYS[2]) == 1 then return {'done', 0} end
local whole, known = has_all(KEYS[5], KEYS[4])
if not whole then return void() end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
redis.call('SADD', KEYS[4], ARGV[1])
if known or redis.call('SCARD', KEYS[4]) == 1 then count_set(KEYS[5], KEYS[4]) end
if ARGV[2] ~= '' then redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1]) end
return {'done', 1}
