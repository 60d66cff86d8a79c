-- Gives out the next place in an identify bucket's line.
-- Guarantee: places of one bucket are an interval apart, first come first served, over all nodes.
--
-- KEYS[1] slots
-- ARGV[1] bucket   [2] interval, ms   [3] keep the key for, ms
--
-- Reply: until the place's turn, ms. A bucket that nothing is known of counts as used when the slots began to exist.
local now = now_ms()
begin_slots(KEYS[1], now, ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'since', 'last:' .. ARGV[1], 'next:' .. ARGV[1])
local place = math.max(now, (known[2] or known[1]) + ARGV[2], tonumber(known[3] or 0))
redis.call('HSET', KEYS[1], 'next:' .. ARGV[1], place + ARGV[2])
return place - now
