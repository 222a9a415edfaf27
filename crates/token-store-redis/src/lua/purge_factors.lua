-- KEYS: epoch, dead, owners; for each id its factor and its subject's set (or the second key again where there was no
-- such factor). ARGV: before, ids.
local before, gone = tonumber(ARGV[1]), 0
for at = 2, #ARGV do
  local first, id = at * 2, ARGV[at]
  local set = KEYS[first + 1]
  local score = tonumber(redis.call('ZSCORE', KEYS[2], id) or 'inf')
  if score and score <= before then
    if set ~= KEYS[2] then
      local whole, known = has_all(KEYS[3], set)
      if not whole then return void() end
      gone = gone + redis.call('DEL', KEYS[first])
      redis.call('ZREM', KEYS[2], id)
      redis.call('SREM', set, id)
      if known then count_set(KEYS[3], set) end
    elseif redis.call('EXISTS', KEYS[first]) == 0 then
      redis.call('ZREM', KEYS[2], id)
    end
  end
end
return {'done', gone}
