-- Takes note of a new primary. KEYS: epoch, limits, owners. ARGV: its replication id, the one that stood here, the era that stood
-- here, the highest number that the caller knows.
local info = redis.call('INFO', 'replication')
if string.match(info, 'master_replid:(%x+)') ~= ARGV[1] or not string.find(info, 'role:master', 1, true) then
  return {'moved'}
end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local seen = redis.call('HMGET', KEYS[1], 'primary', 'number', 'kept', 'era')
if (seen[1] or '') ~= ARGV[2] or (seen[4] or '') ~= ARGV[3] then return {'moved'} end
local received = string.match(redis.call('INFO', 'stats'), 'total_net_repl_input_bytes:(%d+)') or ''
local time = redis.call('TIME')
local since = string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2]))
-- Nothing that stands here is the whole. Greater than any number that somebody may remember, who has seen a primary that
-- this one never heard of: the milliseconds since 1970 are, where clocks are right.
local millis = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local number = math.max((tonumber(seen[2] or '0') or 0) + 1, tonumber(ARGV[4]) + 1, millis)
number = string.format('%.0f', number)
redis.call('UNLINK', KEYS[2], KEYS[3])
redis.call('HDEL', KEYS[1], 'limits', 'owners')
redis.call('HSET', KEYS[1], 'layout', '1', 'primary', ARGV[1], 'run', run, 'received', received,
  'number', number, 'kept', seen[3] or '0', 'since', since, 'era', ARGV[1] .. ':' .. number .. ':' .. since)
return {'done'}
