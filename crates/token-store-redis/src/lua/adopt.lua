-- Takes note of a new primary. KEYS: epoch. ARGV: its replication id, the one that stood here, how.
local info = redis.call('INFO', 'replication')
if string.match(info, 'master_replid:(%x+)') ~= ARGV[1] or not string.find(info, 'role:master', 1, true) then
  return {'moved'}
end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local seen = redis.call('HMGET', KEYS[1], 'primary', 'number', 'kept')
if (seen[1] or '') ~= ARGV[2] then return {'moved'} end
if ARGV[3] == 'first' then
  redis.call('HSET', KEYS[1], 'primary', ARGV[1], 'run', run, 'number', '1', 'kept', '1')
elseif ARGV[3] == 'same' then
  redis.call('HSET', KEYS[1], 'primary', ARGV[1], 'run', run)
else
  -- Nothing that stands here is the whole. The first spend says since when.
  local number = string.format('%.0f', (tonumber(seen[2] or '1') or 1) + 1)
  redis.call('HSET', KEYS[1], 'primary', ARGV[1], 'run', run, 'number', number, 'kept', seen[3] or '0', 'since', '')
end
return {'done'}
