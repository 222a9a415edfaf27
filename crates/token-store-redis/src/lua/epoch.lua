-- Every script begins with this. KEYS[1] is the epoch: which primary wrote what stands here. The last ARGV is the
-- era that the caller knows, or nothing.
--
-- A primary's replication id is new after each promotion and each restart, so what another one was
-- told, and this one may not have, is never taken for the whole. The check and the verb are one step.
local bad
local known = table.remove(ARGV)

-- An integer below 2^53: beyond, a Lua number is no integer.
local function number(text, name)
  local value = text and #text < 18 and string.find(text, '^-?%d+$') and tonumber(text)
  if not value or math.abs(value) > 9007199254740991 then
    bad = bad or name
    return 0
  end
  return value
end

-- tostring() keeps 14 digits, which is less than a time in microseconds has.
local function text(value)
  return string.format('%.0f', value)
end

local info = redis.call('INFO', 'replication')
local primary = string.match(info, 'master_replid:(%x+)')
if not primary or not string.find(info, 'role:master', 1, true) then
  return redis.error_reply('READONLY the server is no primary')
end
local seen = redis.call('HMGET', KEYS[1], 'primary', 'number', 'kept', 'since', 'run', 'era', 'layout')
if seen[7] ~= '1' and (seen[7] or redis.call('EXISTS', KEYS[1]) == 1) then
  return {'layout', seen[7] or '0'}
end
if seen[1] ~= primary then
  -- A primary's id is also new when its first replica comes and when the last has been gone for an hour. It is the
  -- same process then, names no primary whose replica it was, and has received nothing from one since the epoch began.
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local before = string.match(info, 'master_replid2:(%x+)')
  local received = string.match(redis.call('INFO', 'stats'), 'total_net_repl_input_bytes:(%d+)')
  local same = run and seen[5] == run and before and not string.find(before, '[^0]')
  if not same or not received or redis.call('HGET', KEYS[1], 'received') ~= received then
    return {'primary'}
  end
  redis.call('HSET', KEYS[1], 'primary', primary)
end
local epoch = seen[2]
if not epoch or not seen[6] then
  return {'corrupt', 'epoch'}
end
-- The caller knows another era: what he has seen since may be missing here.
if seen[6] ~= known then
  return {'era', seen[6], epoch}
end
