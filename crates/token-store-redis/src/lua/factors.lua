-- KEYS: epoch, the subject's set, a factor for each id. ARGV: whether these must do, ids.
if not same(KEYS[2], 2) then return {'again', redis.call('SMEMBERS', KEYS[2])} end
local found = {'done'}
for at = 2, #ARGV do
  local fields = redis.call('HGETALL', KEYS[at + 1])
  if #fields == 0 then return {'corrupt', 'factor'} end
  found[at] = {ARGV[at], fields}
end
return found
