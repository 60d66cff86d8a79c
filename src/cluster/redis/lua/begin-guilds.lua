-- Forgets what is stored of a shard's guilds and begins anew, under a lease.
-- Guarantee: only the shard's owner does; a call of its own that was overtaken by a later one changes nothing.
--
-- The hash: `generation`, new with each begin; `revision`, new with each write (see shared.lua); `checkpoint` (as encoded by
-- guild-checkpoint.ts); for each guild `b<id>`, its body, and `p<id>`, `<sequence> <pending>`.
--
-- KEYS[1] leases   KEYS[2] guilds
-- ARGV[1] node id   [2] incarnation   [3] shard id   [4] epoch
-- ARGV[5] writer   [6] number of this write   [7] keep the guilds for, ms   [8] checkpoint
--
-- Reply: { 'ok' } | { 'lost' } | { 'unknown' } | { 'torn' }: it was overtaken
local whose = fence(KEYS[1], ARGV[3], tonumber(ARGV[4]), ARGV[2], ARGV[1])
if whose ~= 'ours' then return { whose } end
local by, last = read_revision(redis.call('HGET', KEYS[2], 'revision'))
if by == ARGV[5] and last >= tonumber(ARGV[6]) then return { 'torn' } end
local revision = ARGV[6] .. ' ' .. ARGV[5]
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'generation', revision, 'revision', revision, 'checkpoint', ARGV[8])
redis.call('PEXPIRE', KEYS[2], ARGV[7])
return { 'ok' }
