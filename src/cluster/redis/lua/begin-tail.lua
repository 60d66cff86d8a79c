-- Forgets a shard's tail and begins a new one, under a lease.
-- Guarantee: checkpoint and chunks change together, and only by the shard's owner.
--
-- The checkpoint is a hash: generation, base (as encoded by tail-base.ts), baseBytes, lastSequence, bytes (memory of the
-- base and of all chunks in the stream). The stream has a chunk an entry, id `<lastSequence>-<n>`: `t` when it was written (Unix ms by
-- this Redis), `a` the sequence that it follows, `c` the record.
--
-- KEYS[1] leases   KEYS[2] checkpoint   KEYS[3] stream
-- ARGV[1] node id   [2] incarnation   [3] shard id   [4] epoch
-- ARGV[5] generation   [6] base   [7] its sequence
-- ARGV[8] keep the checkpoint for, ms   [9] keep the stream for, ms
-- ARGV[10] the first chunk's record, [11] its last sequence; both missing: none. An empty record moves the checkpoint alone.
--
-- Reply: { 'ok', bytes } | { 'lost' } | { 'unknown' }
local whose = fence(KEYS[1], ARGV[3], tonumber(ARGV[4]), ARGV[2], ARGV[1])
if whose ~= 'ours' then return { whose } end
local base_bytes = memory_of(#ARGV[6])
local bytes = base_bytes
redis.call('DEL', KEYS[2], KEYS[3])
if ARGV[10] and #ARGV[10] > 0 then
  redis.call('XADD', KEYS[3], ARGV[11] .. '-0', 't', now_ms(), 'a', ARGV[7], 'c', ARGV[10])
  redis.call('PEXPIRE', KEYS[3], ARGV[9])
  bytes = bytes + memory_of(#ARGV[10])
end
redis.call('HSET', KEYS[2], 'generation', ARGV[5], 'base', ARGV[6], 'baseBytes', base_bytes,
  'lastSequence', ARGV[11] or ARGV[7], 'bytes', bytes)
redis.call('PEXPIRE', KEYS[2], ARGV[8])
return { 'ok', bytes }
