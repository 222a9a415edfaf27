-- Judges a batch, and changes nothing: an answer that stands against it, or nothing and what inserts it. `spent`, if there is one, is the key of
-- a record that will be final by then. KEYS as ARGV counts them. ARGV from `own` on: records, slots; for each slot its key and how many
-- older ids it should hold, and each with its key; for each record its key, id, `dead_at`, milliseconds to
-- keep it or 0, the keys of its subject's set and of its slot or 0, how many fields and values, these.
local function inserting(own, ends, final, spent)
  local cursor = own - 1
  local function take()
    cursor = cursor + 1
    return ARGV[cursor]
  end
  local function count() return tonumber(take()) end

  local records, slots = count(), count()
  local older, current, moved = {}, {'again'}, false
  for _ = 1, slots do
    local slot, n = KEYS[count()], count()
    if redis.call('SCARD', slot) ~= n then moved = true end
    for _ = 1, n do
      local id = take()
      if redis.call('SISMEMBER', slot, id) == 0 then moved = true end
      older[#older + 1] = {id, KEYS[count()]}
    end
    current[#current + 1] = redis.call('SMEMBERS', slot)
    older[#older + 1] = {slot}
  end

  local batch, taken = {}, {}
  for at = 1, records do
    local one = {key = KEYS[count()], id = take(), dead = take(), ttl = count(), subject = count(), slot = count(), fields = {}}
    for field = 1, count() do one.fields[field] = take() end
    if taken[one.key] or redis.call('EXISTS', one.key) == 1 then return {'collision'} end
    taken[one.key] = true
    batch[at] = one
  end
  -- The ids that the caller knew of are no longer the slot's: he declares the others' keys and asks again.
  if moved then return current end

  for _, one in ipairs(older) do
    if one[2] and one[2] ~= spent then
      one[3] = record(one[2])
      if bad then return {'corrupt', bad} end
    end
  end
  return nil, function()
    -- First what needs memory: where there is none, nothing is done.
    for _, one in ipairs(batch) do
      redis.call('HSET', one.key, 'epoch', epoch, unpack(one.fields))
    end
    for _, one in ipairs(older) do
      if one[3] then finish(one[3], one[2], final, one[1], SUPERSEDED) end
      if not one[2] then redis.call('DEL', one[1]) end
    end

    -- A set lives as long as what it names.
    local function add(set, id, ttl)
      local left = redis.call('PTTL', set)
      redis.call('SADD', set, id)
      if ttl == 0 then
        redis.call('PERSIST', set)
      elseif left == -2 or (left >= 0 and left < ttl) then
        redis.call('PEXPIRE', set, text(ttl))
      end
    end

    for _, one in ipairs(batch) do
      redis.call('ZADD', ends, one.dead, one.id)
      if one.ttl > 0 then redis.call('PEXPIRE', one.key, text(one.ttl)) end
      if one.subject > 0 then add(KEYS[one.subject], one.id, one.ttl) end
      if one.slot > 0 then add(KEYS[one.slot], one.id, one.ttl) end
    end
  end
end

local function insert(own, ends, final)
  local against, write = inserting(own, ends, final)
  if against then return against end
  write()
  return {'done'}
end
