-- KEYS: epoch, limits, a key for each charge. ARGV: whether a charge must not be lost; for each charge its name,
-- and what comes back of its count and of its time.
if ARGV[1] == '1' and seen[3] ~= epoch then return {'lost', epoch} end
for at = 3, #KEYS do
  local key, arg = KEYS[at], at * 3 - 7
  local f = redis.call('HMGET', key, 'full_at', 'count')
  if f[1] then
    local full, count = number(f[1], 'full_at'), number(f[2], 'count')
    if count < 0 then bad = bad or 'count' end
    if bad then return {'corrupt', bad} end
    count = math.max(0, count - tonumber(ARGV[arg + 1]))
    full = math.max(-8000000000000000, full - tonumber(ARGV[arg + 2]))
    redis.call('HSET', key, 'full_at', text(full), 'count', text(count))
    enter(KEYS[2], 'limits', count > 0 and '+inf' or text(full), ARGV[arg])
  end
end
return {'done'}
