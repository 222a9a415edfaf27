-- Whether the set still holds exactly these: the caller had to declare a key for each. Before the first stands
-- whether he has asked so often that those must do: what was in the set when he first asked is among them.
local function same(set, first)
  if ARGV[first - 1] == '1' then return true end
  if redis.call('SCARD', set) ~= #ARGV - first + 1 then return false end
  for at = first, #ARGV do
    if redis.call('SISMEMBER', set, ARGV[at]) == 0 then return false end
  end
  return true
end
