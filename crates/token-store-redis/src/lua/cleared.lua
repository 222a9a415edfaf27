local function clear(limits, key, name)
  if seen[4] then
    -- Where another primary went before, a key that is not there counts as nearly used up.
    redis.call('HSET', key, 'full_at', '0', 'count', '0', 'epoch', epoch)
    enter(limits, 'limits', '0', name)
  else
    redis.call('DEL', key)
    leave(limits, 'limits', name)
  end
end
