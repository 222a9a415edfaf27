-- Remembers that a restart could lose what is answered now, or that it cannot any more. KEYS: epoch. ARGV: what stood
-- there, whether it could. After a restart nothing is forgotten before the primary is known again.
local primary = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local seen = redis.call('HMGET', KEYS[1], 'primary', 'weak')
if seen[1] ~= primary or (seen[2] or '') ~= ARGV[1] then return {'moved'} end
if ARGV[2] == '1' then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'weak', time[1] .. ':' .. time[2])
else
  redis.call('HDEL', KEYS[1], 'weak')
end
return {'done'}
