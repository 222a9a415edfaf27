-- KEYS: epoch, the subject's set, a record for each id. ARGV: whether these must do, ids. Gives what is not final.
if not same(KEYS[2], 2) then return {'again', redis.call('SMEMBERS', KEYS[2])} end
local found = {'done'}
for at = 2, #ARGV do
  local key = KEYS[at + 1]
  local r = record(key)
  if bad then return {'corrupt', bad} end
  if r and r.state <= READY then
    found[#found + 1] = {ARGV[at], redis.call('HGETALL', key)}
  elseif not r and redis.call('EXISTS', key) == 0 then
    -- Redis has expired it.
    redis.call('SREM', KEYS[2], ARGV[at])
  end
end
return found
