-- Whether the set still holds exactly these: the caller had to declare a key for each.
local function same(set, first)
  if redis.call('SCARD', set) ~= #ARGV - first + 1 then return false end
  for at = first, #ARGV do
    if redis.call('SISMEMBER', set, ARGV[at]) == 0 then return false end
  end
  return true
end
