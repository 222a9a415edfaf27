-- KEYS: epoch, two keys of the verb, limits, a key for each charge, further keys of the verb. ARGV: now, whether a charge
-- must not be lost, how many charges; for each charge its name, kind, burst, period and horizon; then those of the verb.
local now, charges, spent = tonumber(ARGV[1]), tonumber(ARGV[3]), {}
local own = 4 + charges * 5
if ARGV[2] == '1' and seen[3] ~= epoch then return {'lost', epoch} end
if charges > 0 and not is_whole(KEYS[4], 'limits') then return void() end
for at = 1, charges do
  local full, count = one_more(KEYS[4], KEYS[4 + at], at * 5 - 1, at, now)
  if not full then return count end
  spent[at] = {full, count}
end

-- Charges, less what is given back: so many times one.
local function settle(times)
  -- What comes back whole was never there.
  if times == 1 then return end
  for at, one in ipairs(spent) do
    local arg = at * 5 - 1
    local count = one[2]
    if ARGV[arg + 1] == 'ceiling' then count = math.max(0, count - times) end
    local back = math.min(8000000000000000, tonumber(ARGV[arg + 3]) * times)
    local full = math.max(-8000000000000000, one[1] - back)
    keep(KEYS[4], KEYS[4 + at], ARGV[arg], full, count, now)
  end
end
