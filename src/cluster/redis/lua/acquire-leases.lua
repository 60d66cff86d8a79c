-- Takes those of some shards that are free.
-- Guarantee: each shard has one holder, and each change of hands a higher epoch. A lease of a live member is never taken.
--
-- KEYS[1] members   KEYS[2] leases
-- ARGV[1] node id   [2] incarnation   [3] '1' when it may take what was never held, and what lapsed
-- ARGV[4] keep keys for, ms   [5…] shard ids
--
-- Reply: { shard id, epoch, … } of what was taken; empty where this membership has lapsed.
local now = now_ms()
local taken = {}

local function is_held(lease)
  local member = redis.call('HGET', KEYS[1], lease.node)
  if not member then return false end
  member = cjson.decode(member)
  return is_live(member, now) and member.incarnation == lease.incarnation
end

if not is_held({ node = ARGV[1], incarnation = ARGV[2] }) then return taken end

local function may_take(lease)
  if not lease then return ARGV[3] == '1' end
  -- Of our node id: taken by a call whose reply was lost (given again, which ends the epoch that nobody knows), or of an earlier
  -- process, which was gone when we joined.
  if not lease.node or lease.node == ARGV[1] then return true end
  return ARGV[3] == '1' and not is_held(lease)
end

for index = 5, #ARGV do
  local shard = ARGV[index]
  local lease = read_lease(redis.call('HGET', KEYS[2], shard))
  if may_take(lease) then
    local epoch = (lease and lease.epoch or 0) + 1
    write_lease(KEYS[2], shard, epoch, ARGV[2], ARGV[1])
    taken[#taken + 1] = shard
    taken[#taken + 1] = epoch
  end
end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return taken
