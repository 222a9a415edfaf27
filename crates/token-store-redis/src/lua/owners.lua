-- KEYS: epoch, records. Where else their ids stand, of those that are still there.
local found = {'done'}
for at = 2, #KEYS do
  found[at] = redis.call('HMGET', KEYS[at], 'tenant', 'subject', 'slot')
end
return found
