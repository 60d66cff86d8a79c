-- Tries, at the start, all that the other scripts do: better now than when the first shard is to move.
-- Guarantee: leaves nothing behind.
--
-- KEYS[1] a key of ours that nothing else uses
-- ARGV[1] the channel
--
-- Reply: { command, error, … } of what this user may not do.
local refused = {}
local function try(command, ...)
  local reply = redis.pcall(command, ...)
  if type(reply) ~= 'table' or not reply.err then return end
  refused[#refused + 1] = command
  refused[#refused + 1] = reply.err
end

try('TIME')
try('DEL', KEYS[1])
try('SET', KEYS[1], '1', 'PX', 1000)
try('GET', KEYS[1])
try('PEXPIRE', KEYS[1], 1000)
try('DEL', KEYS[1])
try('HSET', KEYS[1], 'field', '1')
try('HSETNX', KEYS[1], 'field', '1')
try('HINCRBY', KEYS[1], 'field', 1)
try('HGET', KEYS[1], 'field')
try('HMGET', KEYS[1], 'field')
try('HGETALL', KEYS[1])
try('HKEYS', KEYS[1])
try('HEXISTS', KEYS[1], 'field')
try('HDEL', KEYS[1], 'field')
try('XADD', KEYS[1], '1-0', 'field', '1')
try('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
try('XDEL', KEYS[1], '1-0')
try('DEL', KEYS[1])
try('PUBLISH', ARGV[1], '')
return refused
