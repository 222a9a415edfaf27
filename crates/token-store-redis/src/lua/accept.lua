-- KEYS: epoch.
redis.call('HSET', KEYS[1], 'kept', epoch)
return {'done'}
