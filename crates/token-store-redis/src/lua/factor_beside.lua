-- Whether the other one is active, and another one of the same subject; whether it is spare, where the own one is.
local function is_beside(own, other)
  local o = redis.call('HMGET', own, 'tenant', 'subject', 'state')
  local f = redis.call('HMGET', other, 'tenant', 'subject', 'state')
  return own ~= other and f[3] == (o[3] == '4' and '4' or '1') and o[1] == f[1] and o[2] == f[2]
end
