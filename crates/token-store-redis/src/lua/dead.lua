-- KEYS: epoch, ends or limits. ARGV: before, how many. Gives the names of what may go.
return {'done', redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])}
