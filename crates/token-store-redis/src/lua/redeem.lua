-- KEYS: epoch, final, record. ARGV: as `redeem` reads them.
return (redeem(KEYS[2], KEYS[3], 1))
