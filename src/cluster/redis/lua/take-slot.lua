-- Decides whether an IDENTIFY may be sent now, and takes it from the budget.
-- Guarantee: in a bucket, one in `interval`; and never one of the reserve.
--
-- KEYS[1] slots   KEYS[2] budget
-- ARGV[1] bucket   [2] reserve   [3] interval since the bucket was last used, ms   [4] keep the keys for, ms
--
-- Reply: { 'granted' } | { 'wait', ms } | { 'held', remaining, ms until the reset } | { 'budget-unknown' }
local now = now_ms()
local budget = redis.call('HMGET', KEYS[2], 'remaining', 'resetAtMs')
if not budget[1] or tonumber(budget[2]) <= now then return { 'budget-unknown' } end
if tonumber(budget[1]) <= tonumber(ARGV[2]) then return { 'held', tonumber(budget[1]), budget[2] - now } end

redis.call('HSETNX', KEYS[1], 'since', now)
local used = redis.call('HMGET', KEYS[1], 'since', 'last:' .. ARGV[1])
local wait = (used[2] or used[1]) + ARGV[3] - now
if wait > 0 then return { 'wait', wait } end

redis.call('HSET', KEYS[1], 'last:' .. ARGV[1], now)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('HSET', KEYS[2], 'remaining', budget[1] - 1)
redis.call('HINCRBY', KEYS[2], 'takes', 1)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return { 'granted' }
