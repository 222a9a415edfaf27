-- KEYS: epoch, factor. ARGV: the state that it must be in, now, counter or nothing. A counter has 19 digits, so
-- that texts compare as numbers do: it may be greater than any integer that Lua has.
local f = redis.call('HMGET', KEYS[2], 'state', 'last')
if not f[1] and redis.call('EXISTS', KEYS[2]) == 1 then return {'corrupt', 'state'} end
if f[1] ~= ARGV[1] then return {'absent'} end
if f[2] and (#f[2] ~= 19 or string.find(f[2], '%D')) then return {'corrupt', 'last'} end
if ARGV[3] ~= '' then
  if f[2] and ARGV[3] <= f[2] then return {'replayed'} end
  redis.call('HSET', KEYS[2], 'last', ARGV[3])
end
redis.call('HSET', KEYS[2], 'state', '1', 'used_at', ARGV[2])
return {'done'}
