-- Reads the identify budget.
-- Guarantee: nothing after its reset.
--
-- KEYS[1] budget
-- ARGV: none
--
-- Reply: {} where nothing is known, else { max_concurrency, remaining, until the reset in ms }
local budget = redis.call('HMGET', KEYS[1], 'maxConcurrency', 'remaining', 'resetAtMs')
local now = now_ms()
if not budget[1] or tonumber(budget[3]) <= now then return {} end
return { tonumber(budget[1]), tonumber(budget[2]), budget[3] - now }
