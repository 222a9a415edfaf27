-- What the server says of itself, and what stands there. KEYS: epoch.
local memory, replication = redis.call('INFO', 'memory'), redis.call('INFO', 'replication')
local seen = redis.call('HMGET', KEYS[1], 'primary', 'era', 'number', 'layout')
local layout = seen[4] or (redis.call('EXISTS', KEYS[1]) == 1 and '0') or ''
return {'done', string.match(memory, 'maxmemory_policy:([%w-]+)') or '', string.match(replication, 'role:(%l+)') or '',
  string.match(replication, 'master_replid:(%x+)') or '', seen[1] or '', seen[2] or '', seen[3] or '', layout}
