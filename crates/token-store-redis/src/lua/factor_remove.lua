-- KEYS: epoch, factor, dead, the subject's set, owners, the one that must be active beside it where there is one. ARGV: id, now,
-- by, whether it must wait for its confirmation still.
local f = redis.call('HMGET', KEYS[2], 'state')
if not f[1] and redis.call('EXISTS', KEYS[2]) == 1 then return {'corrupt', 'state'} end
if not f[1] or f[1] == '3' then return {'done', 0} end
if ARGV[4] == '1' and f[1] ~= '0' then return {'done', 0} end
if KEYS[6] and not is_beside(KEYS[2], KEYS[6]) then return {'done', 0} end
local whole, known = has_all(KEYS[5], KEYS[4])
if not whole then return void() end
if f[1] == '0' then
  redis.call('DEL', KEYS[2])
  redis.call('SREM', KEYS[4], ARGV[1])
  if known then count_set(KEYS[5], KEYS[4]) end
  redis.call('ZREM', KEYS[3], ARGV[1])
else
  redis.call('HSET', KEYS[2], 'state', '3', 'removed_from', f[1], 'removed_at', ARGV[2], 'removed_by', ARGV[3])
  redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
end
return {'done', 1}
