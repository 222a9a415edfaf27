-- The verb's KEYS: the factor, nothing of its own, and after the charges each limit that a success clears. Its ARGV: the counter, or
-- nothing where the guess was wrong; the names of what is cleared.
local told = {'none'}
if ARGV[own] ~= '' then told = advance(KEYS[2], ARGV[1], ARGV[own]) end
if told[1] == 'corrupt' then return told end
if told[1] == 'done' then
  for at = 1, #ARGV - own do
    clear(KEYS[4], KEYS[4 + charges + at], ARGV[own + at])
  end
else
  settle(0)
end
return told
