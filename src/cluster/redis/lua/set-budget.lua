-- Keeps what Discord said of the identify budget, less what was taken while it was asked.
-- Guarantee: an IDENTIFY that is missing from Discord's answer is not given out twice.
--
-- KEYS[1] budget
-- ARGV[1] max_concurrency   [2] remaining   [3] until the reset, ms   [4] takes counted before it was asked
-- ARGV[5] keep the key for, ms
--
-- Reply: 1
local takes = tonumber(redis.call('HGET', KEYS[1], 'takes') or 0)
local remaining = ARGV[2] - math.max(0, takes - ARGV[4])
redis.call('HSET', KEYS[1], 'maxConcurrency', ARGV[1], 'remaining', math.max(0, remaining),
  'resetAtMs', now_ms() + ARGV[3], 'takes', takes)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
