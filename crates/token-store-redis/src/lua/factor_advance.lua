-- KEYS: epoch, factor. ARGV: now, counter.
return advance(KEYS[2], ARGV[1], ARGV[2])
