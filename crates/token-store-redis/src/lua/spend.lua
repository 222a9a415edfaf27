-- KEYS: epoch, limits, a key for each charge. ARGV: now, whether a charge must not be lost; for each charge its
-- name, kind, burst, period and horizon.
local now = tonumber(ARGV[1])
if ARGV[2] == '1' and seen[3] ~= epoch then return {'lost', epoch} end
if not is_whole(KEYS[2], 'limits') then return void() end
for at = 3, #KEYS do
  local arg = at * 5 - 12
  local full, count = one_more(KEYS[2], KEYS[at], arg, at - 2, now)
  -- Then `count` is the answer.
  if not full then return count end
  keep(KEYS[2], KEYS[at], ARGV[arg], full, count, now)
end
return {'done'}
