-- Marks a server on which this store has never been. KEYS: epoch.
local info = redis.call('INFO', 'replication')
local primary = string.match(info, 'master_replid:(%x+)')
if not primary or not string.find(info, 'role:master', 1, true) then
  return redis.error_reply('READONLY the server is no primary')
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'done', 0} end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local received = string.match(redis.call('INFO', 'stats'), 'total_net_repl_input_bytes:(%d+)') or ''
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'layout', '1', 'primary', primary, 'run', run, 'received', received,
  'number', '1', 'kept', '1',
  'era', primary .. ':1:' .. time[1] .. time[2])
return {'done', 1}
