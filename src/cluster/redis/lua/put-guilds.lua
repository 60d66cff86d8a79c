-- Replaces guilds of a shard, under a lease. One without a body keeps the body that is stored.
-- Guarantee: all of them or none; only the shard's owner, and only where it knows what is stored.
--
-- KEYS[1] leases   KEYS[2] guilds (see begin-guilds.lua)
-- ARGV[1] node id   [2] incarnation   [3] shard id   [4] epoch
-- ARGV[5] writer   [6] number of this write   [7] keep the guilds for, ms
-- ARGV[8] the revision that the writer knows   [9] number of its first write after that
-- ARGV[10] for each guild four: id, '1' with a body or '0' without, `<sequence> <pending>`, body
--
-- Reply: { 'ok' } | { 'lost' } | { 'unknown' } | { 'torn' }: what is stored is not what the writer knows, or has no such body
local whose = fence(KEYS[1], ARGV[3], tonumber(ARGV[4]), ARGV[2], ARGV[1])
if whose ~= 'ours' then return { whose } end
local stored = redis.call('HGET', KEYS[2], 'revision')
if not goes_on(stored, ARGV[8], ARGV[5], tonumber(ARGV[9]), tonumber(ARGV[6])) then return { 'torn' } end
for index = 10, #ARGV, 4 do
  local is_there = ARGV[index + 1] == '1' or redis.call('HEXISTS', KEYS[2], 'b' .. ARGV[index]) == 1
  if not is_there then return { 'torn' } end
end
for index = 10, #ARGV, 4 do
  redis.call('HSET', KEYS[2], 'p' .. ARGV[index], ARGV[index + 2])
  if ARGV[index + 1] == '1' then redis.call('HSET', KEYS[2], 'b' .. ARGV[index], ARGV[index + 3]) end
end
redis.call('HSET', KEYS[2], 'revision', ARGV[6] .. ' ' .. ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
return { 'ok' }
