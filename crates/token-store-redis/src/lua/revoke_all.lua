-- KEYS: epoch, final, the subject's set, a record for each id. ARGV: purpose or nothing, id to spare or nothing, whether
-- these must do, ids.
if not same(KEYS[3], 4) then return {'again', redis.call('SMEMBERS', KEYS[3])} end
local meant = {}
for at = 4, #ARGV do
  local key, r = KEYS[at], record(KEYS[at])
  if bad then return {'corrupt', bad} end
  if r and (ARGV[1] == '' or r.purpose == ARGV[1]) and ARGV[at] ~= ARGV[2] then
    meant[#meant + 1] = {r, key, ARGV[at]}
  end
end
local count = 0
for _, one in ipairs(meant) do
  if finish(one[1], one[2], KEYS[2], one[3], REVOKED) then count = count + 1 end
end
return {'done', count}
