-- KEYS: epoch, final, record. ARGV: id.
local r = record(KEYS[3])
if bad then return {'corrupt', bad} end
if r and finish(r, KEYS[3], KEYS[2], ARGV[1], REVOKED) then return {'done', 1} end
return {'done', 0}
