-- KEYS: epoch. ARGV: the number whose loss is accepted.
if ARGV[1] ~= epoch then return {'lost', epoch} end
redis.call('HSET', KEYS[1], 'kept', epoch)
return {'done'}
