-- Notes that an IDENTIFY is on the wire.
-- Guarantee: its bucket counts as used now, never earlier than before.
--
-- KEYS[1] slots
-- ARGV[1] bucket   [2] keep the key for, ms
--
-- Reply: 1
local now = now_ms()
redis.call('HSETNX', KEYS[1], 'since', now)
local field = 'last:' .. ARGV[1]
redis.call('HSET', KEYS[1], field, math.max(now, tonumber(redis.call('HGET', KEYS[1], field) or 0)))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
