-- What the server says of itself. KEYS: epoch, for the slot alone.
local memory = redis.call('INFO', 'memory')
local persistence = redis.call('INFO', 'persistence')
return {'done', string.match(memory, 'maxmemory_policy:([%w-]+)') or '',
  string.match(persistence, 'aof_enabled:(%d)') or '', redis.call('HGET', KEYS[1], 'primary') or '',
  string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''}
