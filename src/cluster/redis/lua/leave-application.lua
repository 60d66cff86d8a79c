-- Gives back all leases of an incarnation and ends its membership.
-- Guarantee: another incarnation under the same node id keeps what it has.
--
-- KEYS[1] members   KEYS[2] leases
-- ARGV[1] node id   [2] incarnation   [3] keep keys for, ms
--
-- Reply: how many leases were given back.
local given = 0
local entries = redis.call('HGETALL', KEYS[2])
for index = 1, #entries, 2 do
  local lease = read_lease(entries[index + 1])
  if is_holder(lease, ARGV[2], ARGV[1]) then
    write_lease(KEYS[2], entries[index], lease.epoch + 1)
    given = given + 1
  end
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local member = redis.call('HGET', KEYS[1], ARGV[1])
if member and cjson.decode(member).incarnation == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return given
