-- KEYS: epoch, final, record. ARGV: now, id, outcome, data, at, tag, then the tenant and id of a person, or the name of a
-- system alone.
local key, now, outcome = KEYS[3], tonumber(ARGV[1]), ARGV[3]
local person = ARGV[8] and {tenant = ARGV[7], id = ARGV[8]}
local r = record(key)
if bad then return {'corrupt', bad} end
if not r then return {'refused', 'unknown'} end
if r.state > READY then return {'state', r.state} end
if r.state ~= WAITING then return {'refused', 'not waiting'} end
if not live(r, now) then return {'refused', 'expired'} end
if person and (r.tenant ~= person.tenant or (r.subject and r.subject ~= person.id)) then return {'refused', 'stranger'} end
r.approved = outcome == APPROVED
r.state = r.approved and READY or DENIED
redis.call('HSET', key, 'state', r.state, 'outcome', outcome, 'decision_data', ARGV[4], 'decided_at', ARGV[5],
  'decision_tag', ARGV[6])
if person then
  redis.call('HSET', key, 'decider_tenant', person.tenant, 'decider', person.id)
else
  redis.call('HSET', key, 'decider_system', ARGV[7])
end
if r.state > READY then redis.call('ZADD', KEYS[2], dead_at(r), ARGV[2]) end
return {'done', redis.call('HGETALL', key)}
