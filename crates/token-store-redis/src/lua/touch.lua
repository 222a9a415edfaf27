-- KEYS: epoch, ends, record. ARGV: now, id.
local now = tonumber(ARGV[1])
local r = record(KEYS[3])
if bad then return {'corrupt', bad} end
if r and r.state == READY and live(r, now) and (not r.used or r.used < now) then
  r.used = now
  redis.call('HSET', KEYS[3], 'used_at', text(now))
  redis.call('ZADD', KEYS[2], dead_at(r), ARGV[2])
end
return {'done'}
