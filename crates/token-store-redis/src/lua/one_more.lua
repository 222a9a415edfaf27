-- A limit as `Limit` in ott-core has it. How long this primary has been the one, by its own clock: callers' clocks may
-- differ by an hour.
local since, passed = seen[4] and number(seen[4], 'epoch'), 0
local time = redis.call('TIME')
local server = tonumber(time[1]) * 1000
if since then passed = math.max(0, tonumber(time[1]) * 1000000 + tonumber(time[2]) - since) end
local DAY, HOUR = 86400000, 3600000

-- The time and the count of this limit after one more, by the arguments from `arg` on: its name, kind, burst, period and
-- horizon. Or nothing, and what stands against it, as an answer about the charge `at`. Changes nothing.
local function one_more(limits, key, arg, at, now)
  local kind, burst = ARGV[arg + 1], tonumber(ARGV[arg + 2])
  local period, horizon = tonumber(ARGV[arg + 3]), tonumber(ARGV[arg + 4])
  local f = redis.call('HMGET', key, 'full_at', 'count', 'epoch')
  if not f[1] and not f[2] then
    -- A limit that recovers expires a day after it is as good as new.
    local score = redis.call('ZSCORE', limits, ARGV[arg])
    if score and (score == 'inf' or tonumber(score) / 1000 + DAY - HOUR > server) then
      return nil, void()
    end
  end
  local full, count = number(f[1] or '0', 'full_at'), number(f[2] or '0', 'count')
  if count < 0 then bad = bad or 'count' end
  if bad then return nil, {'corrupt', bad} end
  if kind == 'ceiling' then
    if count >= burst then return nil, {'locked', at} end
    return full, count + 1
  end
  -- Whoever spends writes at most the horizon, and a minute, after their own clock.
  if full > now + horizon + 60000000 then return nil, {'ahead', at} end
  -- What was spent under another primary may be forgotten here: all but one was.
  if kind == 'pace' and since and f[3] ~= epoch then
    full = math.max(full, now + horizon - period - math.min(passed, horizon))
  end
  full = math.max(full, now) + period
  if full - horizon > now then return nil, {'retry', at, text(full - horizon)} end
  return full, count
end

local function keep(limits, key, name, full, count, now)
  redis.call('HSET', key, 'full_at', text(full), 'count', text(count), 'epoch', epoch)
  if count > 0 then
    redis.call('PERSIST', key)
    enter(limits, 'limits', '+inf', name)
  else
    redis.call('PEXPIRE', key, text(math.max(0, math.ceil((full - now) / 1000)) + DAY))
    enter(limits, 'limits', text(full), name)
  end
end
