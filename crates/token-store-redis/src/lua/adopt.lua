-- Takes note of a new primary. KEYS: epoch. ARGV: its replication id, the one that stood here, the era that stood
-- here, how, the highest number that the caller knows.
local info = redis.call('INFO', 'replication')
if string.match(info, 'master_replid:(%x+)') ~= ARGV[1] or not string.find(info, 'role:master', 1, true) then
  return {'moved'}
end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local seen = redis.call('HMGET', KEYS[1], 'primary', 'number', 'kept', 'era', 'weak')
if (seen[1] or '') ~= ARGV[2] or (seen[4] or '') ~= ARGV[3] then return {'moved'} end
if ARGV[4] == 'same' and not seen[5] then
  redis.call('HSET', KEYS[1], 'primary', ARGV[1], 'run', run)
  return {'done'}
end
local time = redis.call('TIME')
local since = string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2]))
-- Nothing that stands here is the whole. Greater than any number that somebody may remember: where nothing stands,
-- the seconds since 1970 are.
local number = math.max(tonumber(seen[2] or time[1]) or 1, tonumber(ARGV[5])) + 1
number = string.format('%.0f', number)
redis.call('HSET', KEYS[1], 'layout', '1', 'primary', ARGV[1], 'run', run, 'number', number, 'kept', seen[3] or '0',
  'since', since, 'era', ARGV[1] .. ':' .. number .. ':' .. since)
return {'done'}
