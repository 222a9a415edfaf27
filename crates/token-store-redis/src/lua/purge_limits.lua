-- KEYS: epoch, limits, a key for each name. ARGV: before, names.
local before, gone = tonumber(ARGV[1]), 0
for at = 2, #ARGV do
  local score = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[at]) or 'inf')
  if score and score <= before then
    gone = gone + redis.call('DEL', KEYS[at + 1])
    leave(KEYS[2], 'limits', ARGV[at])
  end
end
return {'done', gone}
