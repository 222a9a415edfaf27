-- KEYS: epoch, factor. Whose it is, which never changes.
return {'done', redis.call('HMGET', KEYS[2], 'tenant', 'subject')}
