-- Hands a lease to another node, or gives it back.
-- Guarantee: only its holder can; the new epoch is higher, so what the former holder still writes is refused.
--
-- KEYS[1] leases
-- ARGV[1] node id   [2] incarnation   [3] shard id   [4] epoch   [5] keep keys for, ms
-- ARGV[6] node id and [7] incarnation of the new holder; both missing: free
--
-- Reply: the new epoch, or 0 where the lease is not the node's any more. What this Redis has lost is still its holder's.
if fence(KEYS[1], ARGV[3], tonumber(ARGV[4]), ARGV[2], ARGV[1]) == 'lost' then return 0 end
local epoch = tonumber(ARGV[4]) + 1
write_lease(KEYS[1], ARGV[3], epoch, ARGV[7], ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return epoch
