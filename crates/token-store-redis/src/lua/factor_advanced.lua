-- Burns a code of an active factor, and answers so. What cannot be read is not burnt.
local function advance(factor, now, counter)
  local f = redis.call('HMGET', factor, 'state', 'last')
  if not f[1] and redis.call('EXISTS', factor) == 1 then return {'corrupt', 'state'} end
  if f[1] ~= '1' then return {'absent'} end
  if not counts(f[2], counter) then return {bad and 'corrupt' or 'replayed', bad} end
  burn(factor, now, counter)
  return {'done'}
end
