-- KEYS: epoch, factor. ARGV: what, then as it needs.
local f = redis.call('HMGET', KEYS[2], 'state', 'sealed')
if not f[1] and redis.call('EXISTS', KEYS[2]) == 1 then return {'corrupt', 'state'} end
if not f[1] then return {'done', 0} end
if ARGV[1] == 'seal' then
  if f[2] ~= ARGV[2] then return {'done', 0} end
  redis.call('HSET', KEYS[2], 'sealed', ARGV[3])
elseif f[1] == '3' then
  return {'done', 0}
elseif ARGV[1] == 'disable' then
  if f[1] ~= '1' then return {'done', 0} end
  redis.call('HSET', KEYS[2], 'state', '2')
else
  redis.call('HSET', KEYS[2], 'label', ARGV[2])
end
return {'done', 1}
