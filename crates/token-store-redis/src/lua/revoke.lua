-- KEYS: epoch, final, record. ARGV: id, then the tenant and id of the subject whose it must be, or nothing.
local r = record(KEYS[3])
if bad then return {'corrupt', bad} end
local theirs = r and (not ARGV[2] or (r.tenant == ARGV[2] and r.subject == ARGV[3]))
if theirs and finish(r, KEYS[3], KEYS[2], ARGV[1], REVOKED) then return {'done', 1} end
return {'done', 0}
