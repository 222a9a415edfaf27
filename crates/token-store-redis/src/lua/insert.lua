-- KEYS and ARGV: as `insert` reads them.
return insert(1)
