-- KEYS: epoch, record.
local r = record(KEYS[2])
if bad then return {'corrupt', bad} end
if not r then return {'none'} end
return {'done', redis.call('HGETALL', KEYS[2])}
