-- Renews a membership, asserts the leases that the node holds, and reads who is there and who has which shard.
-- Guarantee: an empty or older Redis gets its truth from those who hold it; a lease that changed hands since is never
-- taken back.
--
-- KEYS[1] members   KEYS[2] deployment   KEYS[3] leases   KEYS[4] slots
-- ARGV[1] node id   [2] incarnation   [3] what the node says of itself, JSON
-- ARGV[4] lease TTL, ms   [5] keep keys for, ms   [6] forget lapsed members after, ms   [7] deployment, canonical JSON
-- ARGV[8] when this membership was joined, Unix ms   [9…] shard id, epoch, shard id, epoch, …
--
-- Reply: { 'renewed', now, 'live' | 'lapsed' | 'forgotten' (before this), { node id, member JSON, … }, { shard id, lease, … }, { lost shard id, … } }
--      | { 'replaced', node id, member JSON, now } | { 'differs', stored deployment, node id… }
local now = now_ms()
local members = read_members(KEYS[1], now, tonumber(ARGV[6]))
local me = members[ARGV[1]]
-- A Redis that failed over may have the incarnation before ours, which joined before us: that one is gone.
if me and me.incarnation ~= ARGV[2] then
  if me.joinedAtMs >= tonumber(ARGV[8]) then return { 'replaced', ARGV[1], cjson.encode(me), now } end
  me = nil
end
local others = live_others(members, ARGV[1], now)
local differs = difference(KEYS[2], ARGV[7], others)
if differs then return differs end
redis.call('SET', KEYS[2], ARGV[7], 'PX', ARGV[5])

local had_lapsed = not is_live(me, now)
local renewals = (me and me.renewals or 0) + 1
local renewed = encode_member(ARGV[3], ARGV[2], tonumber(ARGV[8]), now + ARGV[4], renewals, had_lapsed)
redis.call('HSET', KEYS[1], ARGV[1], renewed)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
begin_slots(KEYS[4], now, ARGV[5])
local there = { ARGV[1], renewed }
for _, node in ipairs(others) do
  there[#there + 1] = node
  there[#there + 1] = cjson.encode(members[node])
end

local lost = {}
for index = 9, #ARGV, 2 do
  local shard, epoch = ARGV[index], tonumber(ARGV[index + 1])
  local whose = fence(KEYS[3], shard, epoch, ARGV[2], ARGV[1])
  if whose == 'unknown' then
    write_lease(KEYS[3], shard, epoch, ARGV[2], ARGV[1])
  elseif whose == 'lost' then
    -- Ours under a higher epoch: taken by a call whose reply was lost. It is not another's.
    local lease = read_lease(redis.call('HGET', KEYS[3], shard))
    if not is_holder(lease, ARGV[2], ARGV[1]) then lost[#lost + 1] = shard end
  end
end
redis.call('PEXPIRE', KEYS[3], ARGV[5])
local before = me and (had_lapsed and 'lapsed' or 'live') or 'forgotten'
return { 'renewed', now, before, there, redis.call('HGETALL', KEYS[3]), lost }
