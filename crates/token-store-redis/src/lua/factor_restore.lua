-- KEYS: epoch, factor, dead. ARGV: id.
local f = redis.call('HMGET', KEYS[2], 'state', 'removed_from')
if not f[1] and redis.call('EXISTS', KEYS[2]) == 1 then return {'corrupt', 'state'} end
if f[1] ~= '3' then return {'done', 0} end
if not f[2] then return {'corrupt', 'removed_from'} end
redis.call('HSET', KEYS[2], 'state', f[2])
redis.call('HDEL', KEYS[2], 'removed_from', 'removed_at', 'removed_by')
redis.call('ZREM', KEYS[3], ARGV[1])
return {'done', 1}
