-- Whether the subject's set has as many factors as `owners` says, and whether that names it: it does not name a set of
-- an earlier epoch of which a factor may be gone.
local function has_all(owners, set)
  if not is_whole(owners, 'owners') then return false, false end
  local known = redis.call('ZSCORE', owners, set)
  return not known or tonumber(known) == redis.call('SCARD', set), known
end

-- From here on, what stands in the set is whole.
local function count_set(owners, set)
  local size = redis.call('SCARD', set)
  if size > 0 then enter(owners, 'owners', size, set) else leave(owners, 'owners', set) end
end
