-- The verb's KEYS: ends, final, and others. Its ARGV: as `inserting` reads them.
local told = insert(own, KEYS[2], KEYS[3])
if told[1] == 'done' then settle(0) end
return told
