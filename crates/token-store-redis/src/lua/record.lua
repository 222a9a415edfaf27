-- The state machine of a record, as `Stored` in ott-core has it.
local WAITING, READY, DENIED, EXHAUSTED, REVOKED, SPENT, SUPERSEDED = 0, 1, 2, 3, 4, 5, 6
local MINUTE, MOST_ATTEMPTS, APPROVED = 60000000, 4294967295, '1'

local function record(key)
  local f = redis.call('HMGET', key, 'epoch', 'state', 'attempts', 'max_attempts', 'issued_at', 'expires_at',
    'idle_micros', 'used_at', 'outcome', 'key', 'digest', 'tenant', 'subject', 'purpose')
  if not f[1] then
    if redis.call('EXISTS', key) == 1 then bad = bad or 'epoch' end
    return nil
  end
  -- Another primary's: that it is unspent here says nothing.
  if f[1] ~= epoch then return nil end
  local r = {
    state = number(f[2], 'state'),
    attempts = number(f[3], 'attempts'),
    max = f[4] and number(f[4], 'max_attempts'),
    issued = number(f[5], 'issued_at'),
    expires = f[6] and number(f[6], 'expires_at'),
    idle = f[7] and number(f[7], 'idle_micros'),
    used = f[8] and number(f[8], 'used_at'),
    approved = f[9] == APPROVED,
    key = f[10], digest = f[11], tenant = f[12], subject = f[13], purpose = f[14],
  }
  if r.state < WAITING or r.state > SUPERSEDED then bad = bad or 'state' end
  if r.attempts < 0 or r.attempts > MOST_ATTEMPTS then bad = bad or 'attempts' end
  if f[9] and not string.find(f[9], '^[123]$') then bad = bad or 'outcome' end
  if not r.digest or #r.digest ~= 32 then bad = bad or 'digest' end
  if not r.key then bad = bad or 'key' end
  if not r.tenant then bad = bad or 'tenant' end
  return r
end

local function live(r, now)
  local longer = r.approved and MINUTE or 0
  return r.issued - MINUTE <= now
    and not (r.expires and now >= r.expires + longer)
    and not (r.idle and now >= (r.used or r.issued) + r.idle)
end

-- From when on a purge may remove it.
local function dead_at(r)
  local at = r.expires
  if r.idle then
    local idle = (r.used or r.issued) + r.idle
    if not at or idle < at then at = idle end
  end
  at = at and at + MINUTE
  if r.state > READY and (not at or r.issued + 1 < at) then at = r.issued + 1 end
  return at and text(at) or '+inf'
end

-- Revokes or supersedes what is not final; says whether it did.
local function finish(r, key, final, id, state)
  if r.state > READY then return false end
  r.state = state
  redis.call('HSET', key, 'state', state)
  redis.call('ZADD', final, dead_at(r), id)
  return true
end
