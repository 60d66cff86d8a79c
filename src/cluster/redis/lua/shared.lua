-- Put before every script.
--
-- A member is JSON: incarnation, joinedAtMs, lapsesAtMs (Unix ms by this Redis), renewals, and what the node says of itself
-- (`MemberState` in ports.ts: address, weight, isDraining, reach, isSteady).
-- A lease is `<epoch>` when it is free, else `<epoch> <incarnation> <node id>`. An incarnation has no space in it.

-- Unix time, ms.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The member as JSON; `state` is what it says of itself, as JSON. Who had lapsed, or was not known, can not be steady.
local function encode_member(state, incarnation, joined_at_ms, lapses_at_ms, renewals, had_lapsed)
  local member = cjson.decode(state)
  if had_lapsed then member.isSteady = false end
  member.incarnation = incarnation
  member.joinedAtMs = joined_at_ms
  member.lapsesAtMs = lapses_at_ms
  member.renewals = renewals
  return cjson.encode(member)
end

-- Buckets that nothing is known of count as used when the slots began to exist, which is now where they do not.
local function begin_slots(key, now, keep_ms)
  redis.call('HSETNX', key, 'since', now)
  redis.call('PEXPIRE', key, keep_ms)
end

local function is_live(member, now)
  return member ~= nil and member.lapsesAtMs > now
end

-- All members that are worth a look, by node id. Forgets those that lapsed more than `forget_after_ms` ago.
local function read_members(key, now, forget_after_ms)
  local members = {}
  local entries = redis.call('HGETALL', key)
  for index = 1, #entries, 2 do
    local member = cjson.decode(entries[index + 1])
    if member.lapsesAtMs + forget_after_ms < now then
      redis.call('HDEL', key, entries[index])
    else
      members[entries[index]] = member
    end
  end
  return members
end

-- The node ids of all live members but `me`, in order.
local function live_others(members, me, now)
  local others = {}
  for node, member in pairs(members) do
    if node ~= me and is_live(member, now) then others[#others + 1] = node end
  end
  table.sort(others)
  return others
end

-- The reply for a node that does not agree with the `others` on the deployment; nil where it does, or nobody else is there.
local function difference(key, deployment, others)
  local stored = redis.call('GET', key)
  if not stored or stored == deployment or #others == 0 then return nil end
  return { 'differs', stored, unpack(others) }
end

-- nil, or { epoch, incarnation, node }; incarnation and node are nil where the lease is free.
local function read_lease(value)
  if not value then return nil end
  local epoch, incarnation, node = string.match(value, '^(%d+) (%S+) (.*)$')
  if epoch then return { epoch = tonumber(epoch), incarnation = incarnation, node = node } end
  return { epoch = tonumber(value) }
end

local function write_lease(key, shard, epoch, incarnation, node)
  local value = string.format('%.0f', epoch)
  if node then value = value .. ' ' .. incarnation .. ' ' .. node end
  redis.call('HSET', key, shard, value)
end

local function is_holder(lease, incarnation, node)
  return lease.node == node and lease.incarnation == incarnation
end

-- Whether `node` may write for a shard: 'ours', 'lost' (another has it, or had it since), or 'unknown' (this Redis has lost
-- it, or is older: the holder has yet to assert it).
local function fence(leases, shard, epoch, incarnation, node)
  local lease = read_lease(redis.call('HGET', leases, shard))
  if not lease or lease.epoch < epoch then return 'unknown' end
  if lease.epoch == epoch and is_holder(lease, incarnation, node) then return 'ours' end
  return 'lost'
end

-- What an entry of a stream has in it beside the bytes.
local ENTRY_HEADER_BYTES = 96
-- What MEMORY USAGE reckons for its place in the stream's index. Small ones share one.
local MAX_ENTRY_INDEX_BYTES = 640

-- What Redis' allocator (jemalloc) takes for so much in a stream or hash: the next of four sizes to each doubling, which is up to a
-- quarter more. Whatever is bounded is bounded by this.
local function memory_of(bytes)
  local taken = bytes + ENTRY_HEADER_BYTES
  local _, exponent = math.frexp(taken)
  local step = 2 ^ (exponent - 3)
  return math.ceil(taken / step) * step + math.min(MAX_ENTRY_INDEX_BYTES, math.floor(bytes / 4))
end

-- Writer and number of a revision of stored guilds, `<number> <writer>`; nil where there is none. A writer counts its writes.
local function read_revision(value)
  local number, writer = string.match(value or '', '^(%d+) (%S+)$')
  return writer, tonumber(number)
end

-- Whether a write of guilds goes on from what is stored: from the revision that its writer knows, or from what a later write of its own
-- has made of that, whose reply was lost. `since`: the writer's first after the revision that it knows.
local function goes_on(stored, known, writer, since, number)
  if stored == known then return true end
  local by, last = read_revision(stored)
  return by == writer and last >= since and last < number
end
