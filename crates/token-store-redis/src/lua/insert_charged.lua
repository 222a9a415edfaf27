-- The verb's KEYS: ends, final, and others. Its ARGV: as `insert` reads them.
local told = insert(own)
if told[1] == 'done' then settle(0) end
return told
