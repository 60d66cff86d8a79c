-- A REST node's part in what nodes share of one scope (an application, or an address that requests leave from): its places of the
-- global limit, the major parameters whose buckets it holds, and notes to the others. All that is due goes in one call.
-- Guarantees: the places of all nodes, with those that a lapsed node's last requests may still take up, are no more than the limit. A
-- major parameter has one holder; it changes hands when the holder gives it back or has lapsed. Whoever has not heard that it had
-- lapsed hears it again; a call that comes after a later one of the same node changes nothing.
--
-- KEYS[1] nodes: incarnation -> JSON { held, wanted, lapsesAtMs, hasLeft, number: of its last exchange, begun: of the one in which it
--   was last found not to be live }; '?' for nodes that this Redis knows nothing of, 'left:…' for those that gave something back
-- KEYS[2] holders: major -> incarnation; behind it, where it was that of a lapsed node, the exchange that granted it and when that lapsed
-- KEYS[3] usages: major -> '<Unix ms> <how far its limits are used>'   KEYS[4] wishes: major -> incarnation   KEYS[5] notes, a stream
-- ARGV[1] incarnation   [2] lease TTL, ms   [3] how long places count after a lapse, ms   [4] the limit   [5] places it has
-- [6] places it could use   [7] '1': it leaves   [8] keep keys for, ms   [9] keep notes for, ms   [10] id of the last note it has read, or ''
-- [11] number of the exchange, which grows   [12] number of the last one it has heard of; 0: none; -1: it has gone on by itself
-- then four lists, each behind its length: notes, usages (major, usage; '' forgets), majors given back, majors asked for
--
-- Reply: { was it live, places it may have, live nodes, now, { major of its own that another asks for… },
--   { major, 'new' | 'own' | 'left' | 'lapsed', usage or '', age of the usage, time since the lapse… }, { id, incarnation, text… } }
local FORGET_AFTER_MS = 600000
local MAX_NOTES = 1000
local TURN_MS = 2000
local UNKNOWN = '?'

local me, now = ARGV[1], now_ms()
local ttl_ms, lasting_ms, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local reported, leaves = tonumber(ARGV[5]), ARGV[7] == '1'
local number, heard = tonumber(ARGV[11]), tonumber(ARGV[12])
local at = 13

local function next_list(width)
  local length = tonumber(ARGV[at]) * width
  local list = { unpack(ARGV, at + 1, at + length) }
  at = at + 1 + length
  return list
end

-- What a node has held that is not worth remembering.
local function forget(incarnation)
  redis.call('HDEL', KEYS[1], incarnation)
  local holders = redis.call('HGETALL', KEYS[2])
  for index = 1, #holders, 2 do
    if string.match(holders[index + 1], '^%S+') == incarnation then
      redis.call('HDEL', KEYS[2], holders[index])
      redis.call('HDEL', KEYS[3], holders[index])
    end
  end
end

local nodes = {}
local entries = redis.call('HGETALL', KEYS[1])
for index = 1, #entries, 2 do
  local node = cjson.decode(entries[index + 1])
  if node.lapsesAtMs + FORGET_AFTER_MS < now then
    forget(entries[index])
  else
    nodes[entries[index]] = node
  end
end

local function lives(incarnation)
  local node = nodes[incarnation]
  return node ~= nil and not node.hasLeft and node.lapsesAtMs > now
end

local before = nodes[me]
-- Redis had not got to it when its connection was lost, and to a later one since.
if before and number <= before.number then return redis.error_reply('STALE a later exchange was before it') end

local was_live = lives(me) and before.begun <= heard and heard <= before.number

-- Places of a node count for as long as its last requests do.
local function counts(node)
  return node ~= nil and node.lapsesAtMs + lasting_ms > now
end

local taken, taken_live = 0, 0
for incarnation, node in pairs(nodes) do
  if incarnation ~= me and incarnation ~= UNKNOWN and counts(node) then
    taken = taken + node.held
    if lives(incarnation) then taken_live = taken_live + node.held end
  end
end
local unknown = counts(nodes[UNKNOWN]) and nodes[UNKNOWN] or nil

local held = counts(before) and math.min(reported, before.held) or 0
if heard < 0 or heard > (before and before.number or 0) then
  -- It may have places that this Redis knows nothing of, and so may all that are not live: for as long as they can, the rest is theirs.
  held = math.max(0, math.min(reported, limit - taken_live))
  local rest = math.max(0, limit - taken_live - held)
  unknown = unknown or { held = rest, wanted = 0, lapsesAtMs = now + ttl_ms, hasLeft = true, number = 0, begun = 0 }
  unknown.held = math.min(unknown.held, rest)
  redis.call('HSET', KEYS[1], UNKNOWN, cjson.encode(unknown))
end
-- Its last requests count on, whatever it has given up.
if leaves and before then held = before.held end
nodes[me] = {
  held = held,
  wanted = tonumber(ARGV[6]),
  lapsesAtMs = leaves and now or now + ttl_ms,
  hasLeft = leaves,
  number = number,
  begun = was_live and before.begun or number,
}

-- Places: as many to each as it could use, but no more than an equal part of what others leave; what nobody needs is spread evenly.
local live = {}
for incarnation in pairs(nodes) do
  if lives(incarnation) then live[#live + 1] = incarnation end
end
table.sort(live)
-- Where there are more nodes than places, those that have none are others in turn.
local turn = limit < #live and math.floor(now / TURN_MS) or 0
local place = {}
for index, incarnation in ipairs(live) do place[incarnation] = (index + turn) % #live end
table.sort(live, function(a, b)
  if nodes[a].wanted ~= nodes[b].wanted then return nodes[a].wanted < nodes[b].wanted end
  return place[a] < place[b]
end)
local left = limit
local parts = {}
for index, incarnation in ipairs(live) do
  parts[index] = math.min(nodes[incarnation].wanted, math.floor(left / (#live - index + 1)))
  left = left - parts[index]
end
local size = 0
for index, incarnation in ipairs(live) do
  local extra = math.floor(left / (#live - index + 1))
  left = left - extra
  if incarnation == me then size = parts[index] + extra end
end
if not leaves and size > held then
  size = math.max(held, math.min(size, limit - taken - (unknown and unknown.held or 0)))
  nodes[me].held = size
end
redis.call('HSET', KEYS[1], me, cjson.encode(nodes[me]))

-- Notes.
local notes = next_list(1)
local oldest = string.format('%.0f', now - tonumber(ARGV[9]))
for _, text in ipairs(notes) do
  redis.call('XADD', KEYS[5], 'MINID', '~', oldest, '*', 'n', me, 't', text)
end
local news = {}
local from = ARGV[10] == '' and oldest or '(' .. ARGV[10]
for _, entry in ipairs(redis.call('XRANGE', KEYS[5], from, '+', 'COUNT', MAX_NOTES)) do
  news[#news + 1] = entry[1]
  news[#news + 1] = entry[2][2]
  news[#news + 1] = entry[2][4]
end

-- Major parameters.
local function holder_of(major)
  return string.match(redis.call('HGET', KEYS[2], major) or '', '^(%S+) ?(%d*) ?(%d*)$')
end

local usages = next_list(2)
for index = 1, #usages, 2 do
  local major = usages[index]
  if holder_of(major) == me then
    if usages[index + 1] == '' then
      redis.call('HDEL', KEYS[3], major)
    else
      redis.call('HSET', KEYS[3], major, string.format('%.0f', now) .. ' ' .. usages[index + 1])
    end
  end
end

-- Who holds what was given back with how far it is used: nobody, for as long as that is remembered.
local function past_holder()
  local name = 'left:' .. math.floor(now / FORGET_AFTER_MS)
  nodes[name] = { held = 0, wanted = 0, lapsesAtMs = now, hasLeft = true, number = 0, begun = 0 }
  redis.call('HSET', KEYS[1], name, cjson.encode(nodes[name]))
  return name
end

for _, major in ipairs(next_list(1)) do
  local wisher = redis.call('HGET', KEYS[4], major)
  if holder_of(major) == me then
    redis.call('HDEL', KEYS[4], major)
    if wisher and lives(wisher) then
      redis.call('HSET', KEYS[2], major, wisher)
    elseif redis.call('HEXISTS', KEYS[3], major) == 1 then
      redis.call('HSET', KEYS[2], major, past_holder())
    else
      redis.call('HDEL', KEYS[2], major)
    end
  elseif wisher == me then
    redis.call('HDEL', KEYS[4], major)
  end
end

local grants = {}
local function grant(major, origin, lapsed_at_ms)
  local since, usage = string.match(redis.call('HGET', KEYS[3], major) or '', '^(%d+) (.*)$')
  redis.call('HSET', KEYS[2], major, me .. (lapsed_at_ms and string.format(' %.0f %.0f', number, lapsed_at_ms) or ''))
  redis.call('HDEL', KEYS[4], major)
  local lapsed_ms = lapsed_at_ms and now - lapsed_at_ms or 0
  for _, value in ipairs({ major, origin, usage or '', since and now - since or 0, lapsed_ms }) do
    grants[#grants + 1] = value
  end
end

for _, major in ipairs(next_list(1)) do
  local holder, granted, lapsed_at_ms = holder_of(major)
  if not holder then
    grant(major, 'new')
  elseif holder == me and granted ~= '' and tonumber(granted) > heard then
    -- It has not heard of the grant, nor of the doubt.
    grant(major, 'lapsed', tonumber(lapsed_at_ms))
  elseif holder == me then
    grant(major, 'own')
  elseif lives(holder) then
    local wisher = redis.call('HGET', KEYS[4], major)
    if not wisher or not lives(wisher) then redis.call('HSET', KEYS[4], major, me) end
  elseif nodes[holder] and nodes[holder].hasLeft then
    grant(major, 'left')
  else
    grant(major, 'lapsed', nodes[holder] and nodes[holder].lapsesAtMs or now - FORGET_AFTER_MS)
  end
end

local wishes = {}
local wished = redis.call('HGETALL', KEYS[4])
for index = 1, #wished, 2 do
  local holder = holder_of(wished[index])
  if not holder or not lives(wished[index + 1]) then
    redis.call('HDEL', KEYS[4], wished[index])
  elseif holder == me then
    wishes[#wishes + 1] = wished[index]
  end
end

for index = 1, #KEYS do redis.call('PEXPIRE', KEYS[index], ARGV[8]) end
return { was_live and 1 or 0, size, #live, now, wishes, grants, news }
