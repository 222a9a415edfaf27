-- Codes of factors. A counter has 19 digits, so that texts compare as numbers do: it may be greater than any integer
-- that Lua has.
local function counts(last, counter)
  if last and (#last ~= 19 or string.find(last, '%D')) then
    bad = 'last'
    return false
  end
  return counter == '' or not last or last < counter
end

local function burn(factor, now, counter)
  if counter ~= '' then redis.call('HSET', factor, 'last', counter) end
  redis.call('HSET', factor, 'state', '1', 'used_at', now)
end
