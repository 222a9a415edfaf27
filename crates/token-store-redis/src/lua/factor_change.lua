-- KEYS: epoch, factor, the one that must be active beside it where there is one. ARGV: what, then as it needs.
local f = redis.call('HMGET', KEYS[2], 'state', 'sealed')
if not f[1] and redis.call('EXISTS', KEYS[2]) == 1 then return {'corrupt', 'state'} end
if not f[1] or f[1] == '3' then return {'done', 0} end
if KEYS[3] and (KEYS[3] == KEYS[2] or redis.call('HGET', KEYS[3], 'state') ~= '1') then return {'done', 0} end
if ARGV[1] == 'disable' then
  if f[1] ~= '1' then return {'done', 0} end
  redis.call('HSET', KEYS[2], 'state', '2')
elseif ARGV[1] == 'label' then
  redis.call('HSET', KEYS[2], 'label', ARGV[2])
elseif ARGV[1] == 'seal' then
  if f[2] ~= ARGV[2] then return {'done', 0} end
  redis.call('HSET', KEYS[2], 'sealed', ARGV[3])
else
  redis.call('HSET', KEYS[2], 'state', '3', 'sealed', '', 'used_at', ARGV[2])
end
return {'done', 1}
