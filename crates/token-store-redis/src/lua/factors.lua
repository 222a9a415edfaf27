-- KEYS: epoch, the subject's set, a factor for each id. ARGV: ids.
if not same(KEYS[2], 1) then return {'again', redis.call('SMEMBERS', KEYS[2])} end
local found = {'done'}
for at = 1, #ARGV do
  local fields = redis.call('HGETALL', KEYS[at + 2])
  if #fields == 0 then return {'corrupt', 'factor'} end
  found[at + 1] = {ARGV[at], fields}
end
return found
