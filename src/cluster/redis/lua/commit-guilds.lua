-- Moves the checkpoint of a shard's guilds, under a lease, and forgets those that are gone as of it.
-- Guarantee: both together; only the shard's owner, and only where it knows what is stored.
--
-- KEYS[1] leases   KEYS[2] guilds (see begin-guilds.lua)
-- ARGV[1] node id   [2] incarnation   [3] shard id   [4] epoch
-- ARGV[5] writer   [6] number of this write   [7] keep the guilds for, ms
-- ARGV[8] the revision that the writer knows   [9] number of its first write after that
-- ARGV[10] checkpoint   [11] its sequence
-- ARGV[12] ids of guilds that it does not name: each is forgotten, unless its sequence is above the checkpoint's
--
-- Reply: { 'ok', id of a guild that was forgotten, … } | { 'lost' } | { 'unknown' } | { 'torn' }: what is stored is not what the
-- writer knows
local whose = fence(KEYS[1], ARGV[3], tonumber(ARGV[4]), ARGV[2], ARGV[1])
if whose ~= 'ours' then return { whose } end
local stored = redis.call('HGET', KEYS[2], 'revision')
if not goes_on(stored, ARGV[8], ARGV[5], tonumber(ARGV[9]), tonumber(ARGV[6])) then return { 'torn' } end
local reply = { 'ok' }
for index = 12, #ARGV do
  local id = ARGV[index]
  local sequence = string.match(redis.call('HGET', KEYS[2], 'p' .. id) or '', '^(%d+) ')
  -- One that can't be read is of no use to anybody.
  if not sequence or tonumber(sequence) <= tonumber(ARGV[11]) then
    redis.call('HDEL', KEYS[2], 'b' .. id, 'p' .. id)
    reply[#reply + 1] = id
  end
end
redis.call('HSET', KEYS[2], 'checkpoint', ARGV[10], 'revision', ARGV[6] .. ' ' .. ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
return reply
