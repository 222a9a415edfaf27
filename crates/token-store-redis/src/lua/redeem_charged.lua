-- The verb's KEYS: final, record, and after the charges ends, and others. Its ARGV: whether a record that is not there is free, then as
-- `redeem` reads them, then what it earns, as `inserting` reads it.
local function earns(at) return inserting(at, KEYS[5 + charges], KEYS[2], KEYS[3]) end
local told, attempts = redeem(KEYS[2], KEYS[3], own + 1, earns)
if told[1] == 'corrupt' or told[1] == 'again' or told[1] == 'collision' then return told end
local times = 0
if attempts then
  times = math.max(1, attempts)
elseif told[1] == 'lacks' or told[2] == 'pending' or (told[2] == 'unknown' and ARGV[own] == '1') then
  times = 1
end
settle(times)
return told
