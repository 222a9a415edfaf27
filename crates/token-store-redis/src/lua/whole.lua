-- The indexes `limits` and `owners` name what must not be missed, and the epoch has their sizes. Keys get lost without
-- another primary where a slot's move is broken off. Then nothing here is believed, as after another primary, and the
-- indexes begin anew with its epoch.
local function void()
  redis.call('HSET', KEYS[1], 'primary', '', 'run', '')
  return {'primary'}
end

local function is_whole(index, size)
  return text(redis.call('ZCARD', index)) == (redis.call('HGET', KEYS[1], size) or '0')
end

local function enter(index, size, score, name)
  if redis.call('ZADD', index, score, name) == 1 then redis.call('HINCRBY', KEYS[1], size, 1) end
end

local function leave(index, size, name)
  if redis.call('ZREM', index, name) == 1 then redis.call('HINCRBY', KEYS[1], size, -1) end
end
