-- Makes a node a member, alone or with others that agree on the deployment.
-- Guarantee: no two live members have one node id, or another deployment than the stored one.
--
-- KEYS[1] members   KEYS[2] deployment
-- ARGV[1] node id   [2] incarnation   [3] address   [4] weight   [5] '1' when draining
-- ARGV[6] lease TTL, ms   [7] keep keys for, ms   [8] forget lapsed members after, ms   [9] deployment, canonical JSON
--
-- Reply: { 'joined', joinedAtMs } | { 'id-taken', member JSON, now } | { 'differs', stored deployment, node id… }
local now = now_ms()
local members = read_members(KEYS[1], now, tonumber(ARGV[8]))
local same = members[ARGV[1]]
if is_live(same, now) and same.incarnation ~= ARGV[2] then
  return { 'id-taken', cjson.encode(same), now }
end
local others = {}
for node, member in pairs(members) do
  if node ~= ARGV[1] and is_live(member, now) then others[#others + 1] = node end
end
local stored = redis.call('GET', KEYS[2])
if stored and stored ~= ARGV[9] and #others > 0 then
  table.sort(others)
  return { 'differs', stored, unpack(others) }
end
redis.call('SET', KEYS[2], ARGV[9], 'PX', ARGV[7])
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({
  incarnation = ARGV[2],
  address = ARGV[3],
  weight = tonumber(ARGV[4]),
  isDraining = ARGV[5] == '1',
  joinedAtMs = now,
  lapsesAtMs = now + ARGV[6],
  renewals = 0,
}))
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return { 'joined', now }
