-- KEYS: epoch, factor, dead; then the one that must be active beside it; or the subject's set, owners, and each of its factors.
-- ARGV: now, counter or nothing, what must hold, id, 0, ids of the set.
local f = redis.call('HMGET', KEYS[2], 'state', 'last')
if not f[1] and redis.call('EXISTS', KEYS[2]) == 1 then return {'corrupt', 'state'} end
if f[1] ~= '0' then return {'absent'} end
if not counts(f[2], ARGV[2]) then return {bad and 'corrupt' or 'replayed', bad} end
if ARGV[3] == 'beside' and not is_beside(KEYS[2], KEYS[4]) then return {'unvouched'} end
if ARGV[3] == 'first' then
  local whole, known = has_all(KEYS[5], KEYS[4])
  if not whole then return void() end
  if not same(KEYS[4], 6) then return {'again', redis.call('SMEMBERS', KEYS[4])} end
  for at = 6, #KEYS do
    local state = redis.call('HGET', KEYS[at], 'state')
    if not state and redis.call('EXISTS', KEYS[at]) == 1 then return {'corrupt', 'factor'} end
    if not state and known then return void() end
    if KEYS[at] ~= KEYS[2] and (state == '1' or state == '2') then return {'unvouched'} end
  end
end
burn(KEYS[2], ARGV[1], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[4])
return {'done'}
