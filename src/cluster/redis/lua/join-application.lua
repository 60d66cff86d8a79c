-- Makes a node a member, alone or with others that agree on the deployment.
-- Guarantee: no two live members have one node id, or another deployment than the stored one.
--
-- KEYS[1] members   KEYS[2] deployment   KEYS[3] slots
-- ARGV[1] node id   [2] incarnation   [3] what the node says of itself, JSON
-- ARGV[4] lease TTL, ms   [5] keep keys for, ms   [6] forget lapsed members after, ms   [7] deployment, canonical JSON
--
-- Reply: { 'joined', joinedAtMs } | { 'id-taken', member JSON, now } | { 'differs', stored deployment, node id… }
local now = now_ms()
local members = read_members(KEYS[1], now, tonumber(ARGV[6]))
local same = members[ARGV[1]]
if is_live(same, now) and same.incarnation ~= ARGV[2] then
  return { 'id-taken', cjson.encode(same), now }
end
local others = live_others(members, ARGV[1], now)
local differs = difference(KEYS[2], ARGV[7], others)
if differs then return differs end
redis.call('SET', KEYS[2], ARGV[7], 'PX', ARGV[5])
redis.call('HSET', KEYS[1], ARGV[1], encode_member(ARGV[3], ARGV[2], now, now + ARGV[4], 0, true))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
begin_slots(KEYS[3], now, ARGV[5])
return { 'joined', now }
