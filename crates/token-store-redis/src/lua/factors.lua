-- KEYS: epoch, the subject's set, owners, a factor for each id, limits. ARGV: how many at most, whether these must do, ids. Those that
-- were confirmed come first, then those that wait, then removed ones; of each the oldest. Before them stands what is kept of each
-- limit.
local whole, known = has_all(KEYS[3], KEYS[2])
if not whole then return void() end
if not same(KEYS[2], 3) then return {'again', redis.call('SMEMBERS', KEYS[2])} end
local rank, all = {['0'] = 1, ['1'] = 0, ['2'] = 0, ['3'] = 2, ['4'] = 0}, {}
for at = 3, #ARGV do
  local key = KEYS[at + 1]
  local f = redis.call('HMGET', key, 'state', 'created_at')
  if f[1] then
    all[#all + 1] = {rank[f[1]] or 0, number(f[2], 'created_at'), ARGV[at], key}
  elseif redis.call('EXISTS', key) == 1 then
    return {'corrupt', 'factor'}
  elseif ARGV[2] ~= '1' then
    -- What must do may name one that is gone meanwhile.
    if known then return void() end
    redis.call('SREM', KEYS[2], ARGV[at])
  end
end
if bad then return {'corrupt', bad} end
if not known and ARGV[2] ~= '1' then count_set(KEYS[3], KEYS[2]) end
table.sort(all, function(a, b)
  for field = 1, 3 do
    if a[field] ~= b[field] then return a[field] < b[field] end
  end
  return false
end)
local found = {'done'}
for at = #ARGV + 2, #KEYS do
  found[#found + 1] = redis.call('HMGET', KEYS[at], 'full_at', 'count')
end
for at = 1, math.min(#all, tonumber(ARGV[1])) do
  found[#found + 1] = {all[at][3], redis.call('HGETALL', all[at][4])}
end
return found
