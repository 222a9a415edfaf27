-- KEYS: epoch, ends, final, and others. ARGV: as `inserting` reads them.
return insert(1, KEYS[2], KEYS[3])
