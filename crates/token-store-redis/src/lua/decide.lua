-- KEYS: epoch, final, record. ARGV: now, id, approved, decider's tenant and id, data, at, tag.
local key, now = KEYS[3], tonumber(ARGV[1])
local r = record(key)
if bad then return {'corrupt', bad} end
if not r then return {'refused', 'unknown'} end
if r.state > READY then return {'state', r.state} end
if r.state ~= WAITING then return {'refused', 'not waiting'} end
if not live(r, now) then return {'refused', 'expired'} end
if r.tenant ~= ARGV[4] or (r.subject and r.subject ~= ARGV[5]) then return {'refused', 'stranger'} end
r.state = ARGV[3] == '1' and READY or DENIED
r.approved = ARGV[3] == '1'
redis.call('HSET', key, 'state', r.state, 'approved', ARGV[3], 'decider_tenant', ARGV[4], 'decider', ARGV[5],
  'decision_data', ARGV[6], 'decided_at', ARGV[7], 'decision_tag', ARGV[8])
if r.state > READY then redis.call('ZADD', KEYS[2], dead_at(r), ARGV[2]) end
return {'done', redis.call('HGETALL', key)}
