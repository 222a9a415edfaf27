-- The verb's KEYS: final, record. Its ARGV: whether a record that is not there is free, then as `redeem` reads them.
local told, attempts = redeem(KEYS[2], KEYS[3], own + 1)
if told[1] == 'corrupt' then return told end
local times = 0
if attempts then
  times = math.max(1, attempts)
elseif told[1] == 'lacks' or told[2] == 'pending' or (told[2] == 'unknown' and ARGV[own] == '1') then
  times = 1
end
settle(times)
return told
