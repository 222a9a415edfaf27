-- KEYS: epoch, ends or final, the other of them; for each id its record, its subject's set, its slot (or the second
-- key again). ARGV: before, ids.
local before, gone = tonumber(ARGV[1]), 0
for at = 2, #ARGV do
  local first, id = at * 3 - 2, ARGV[at]
  local score = tonumber(redis.call('ZSCORE', KEYS[2], id) or 'inf')
  if score and score <= before then
    gone = gone + redis.call('DEL', KEYS[first])
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    for other = first + 1, first + 2 do
      if KEYS[other] ~= KEYS[2] then redis.call('SREM', KEYS[other], id) end
    end
  end
end
return {'done', gone}
