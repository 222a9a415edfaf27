-- KEYS: epoch, limits, a key for each charge. ARGV: now, whether a charge must not be lost; for each charge its
-- name, kind, burst, period and horizon.
local now = tonumber(ARGV[1])
if ARGV[2] == '1' and seen[3] ~= epoch then return {'lost', epoch} end
-- How long this primary has been the one, by its own clock: callers' clocks may differ by an hour.
local since, passed = seen[4] and number(seen[4], 'epoch'), 0
if since then
  local time = redis.call('TIME')
  passed = math.max(0, tonumber(time[1]) * 1000000 + tonumber(time[2]) - since)
end
local DAY, MINUTE = 86400000, 60000000
for at = 3, #KEYS do
  local key, arg = KEYS[at], at * 5 - 12
  local kind, burst = ARGV[arg + 1], tonumber(ARGV[arg + 2])
  local period, horizon = tonumber(ARGV[arg + 3]), tonumber(ARGV[arg + 4])
  local f = redis.call('HMGET', key, 'full_at', 'count', 'epoch')
  local full, count = number(f[1] or '0', 'full_at'), number(f[2] or '0', 'count')
  if count < 0 then bad = bad or 'count' end
  if bad then return {'corrupt', bad} end
  if kind == 'ceiling' then
    if count >= burst then return {'locked', at - 2} end
    count = count + 1
  else
    -- Whoever spends writes at most the horizon after their own clock.
    if full > now + horizon + MINUTE then return {'ahead', at - 2} end
    -- What was spent under another primary may be forgotten here: all but one was.
    if kind == 'pace' and since and f[3] ~= epoch then
      full = math.max(full, now + horizon - period - math.min(passed, horizon))
    end
    full = math.max(full, now) + period
    if full - horizon > now then return {'retry', at - 2, text(full - horizon)} end
  end
  redis.call('HSET', key, 'full_at', text(full), 'count', text(count), 'epoch', epoch)
  if count > 0 then
    redis.call('PERSIST', key)
    redis.call('ZADD', KEYS[2], '+inf', ARGV[arg])
  else
    redis.call('PEXPIRE', key, text(math.max(0, math.ceil((full - now) / 1000)) + DAY))
    redis.call('ZADD', KEYS[2], text(full), ARGV[arg])
  end
end
return {'done'}
