-- Redeems the record of this key. The arguments from `own` on: now, id, how many keys the ring has, then the id and digest of each. Of a
-- success, the second answer is how often it was tried. A success asks `earns`, if there is one, about the arguments behind: what it earns is inserted,
-- or what stands against that is the answer, and nothing is written.
local function redeem(final, key, own, earns)
  local now, id = tonumber(ARGV[own]), ARGV[own + 1]
  local behind = own + 3 + tonumber(ARGV[own + 2]) * 2
  local r = record(key)
  if bad then return {'corrupt', bad} end
  if not r then return {'refused', 'unknown'} end
  if r.state > READY then return {'state', r.state} end
  if not live(r, now) then return {'refused', 'expired'} end
  local known, right = false, false
  for at = own + 3, behind - 2, 2 do
    if ARGV[at] == r.key then known = true end
    if ARGV[at + 1] == r.digest then right = true end
  end
  if not known then return {'lacks', r.key} end
  if right and r.state == WAITING then return {'refused', 'pending'} end
  local against, insert
  if right and earns then against, insert = earns(behind) end
  if against then return against end
  r.attempts = math.min(r.attempts + 1, MOST_ATTEMPTS)
  if right then
    r.state, r.used = SPENT, now
    redis.call('HSET', key, 'state', SPENT, 'attempts', text(r.attempts), 'used_at', text(now))
    redis.call('ZADD', final, dead_at(r), id)
    if insert then insert() end
    return {'done', redis.call('HGETALL', key)}, r.attempts
  end
  if r.max and r.attempts >= r.max then
    r.state = EXHAUSTED
    redis.call('HSET', key, 'state', EXHAUSTED, 'attempts', text(r.attempts))
    redis.call('ZADD', final, dead_at(r), id)
    return {'refused', 'exhausted'}
  end
  redis.call('HSET', key, 'attempts', text(r.attempts))
  return {'refused', 'mismatch'}
end
