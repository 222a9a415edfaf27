-- KEYS: epoch, limits, the limit. ARGV: its name.
clear(KEYS[2], KEYS[3], ARGV[1])
return {'done'}
