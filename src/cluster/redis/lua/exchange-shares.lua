-- A REST node's part in what nodes share of one scope (an application, or an address that requests leave from): its places of the
-- global limit, the major parameters whose buckets it holds, and notes to the others. All that is due goes in one call.
-- Guarantees: the places of all nodes, with those that a lapsed node's last requests may still take up, are no more than the limit. A
-- major parameter has one holder; it changes hands when the holder gives it back or has lapsed.
--
-- KEYS[1] nodes: incarnation -> JSON { held, wanted, lapsesAtMs, hasLeft }   KEYS[2] holders: major -> incarnation
-- KEYS[3] usages: major -> '<Unix ms> <how far its limits are used>'   KEYS[4] wishes: major -> incarnation   KEYS[5] notes, a stream
-- ARGV[1] incarnation   [2] lease TTL, ms   [3] how long places count after a lapse, ms   [4] the limit   [5] places it has
-- [6] places it could use   [7] '1': it leaves   [8] keep keys for, ms   [9] keep notes for, ms   [10] id of the last note it has read, or ''
-- then four lists, each behind its length: notes, usages (major, usage; '' forgets), majors given back, majors asked for
--
-- Reply: { was it live, places it may have, live nodes, now, { major of its own that another asks for… },
--   { major, 'new' | 'own' | 'left' | 'lapsed', usage or '', age of the usage, time since the lapse… }, { id, incarnation, text… } }
local FORGET_AFTER_MS = 600000
local MAX_NOTES = 1000

local me, now = ARGV[1], now_ms()
local at = 11

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
    if holders[index + 1] == incarnation then
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

local was_live = lives(me)
local before = nodes[me]
local held = was_live and math.min(tonumber(ARGV[5]), before.held) or 0
nodes[me] = {
  held = held,
  wanted = tonumber(ARGV[6]),
  lapsesAtMs = ARGV[7] == '1' and now or now + tonumber(ARGV[2]),
  hasLeft = ARGV[7] == '1',
}
-- Its last requests count on, whatever it has given up.
if nodes[me].hasLeft and before then nodes[me].held = before.held end

-- Places: as many to each as it could use, but no more than an equal part of what others leave; what nobody needs is spread evenly.
local live = {}
local taken = 0
for incarnation, node in pairs(nodes) do
  if lives(incarnation) then live[#live + 1] = incarnation end
  if incarnation ~= me and node.lapsesAtMs + tonumber(ARGV[3]) > now then taken = taken + node.held end
end
table.sort(live, function(a, b)
  if nodes[a].wanted ~= nodes[b].wanted then return nodes[a].wanted < nodes[b].wanted end
  return a < b
end)
local limit = tonumber(ARGV[4])
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
if not nodes[me].hasLeft and size > held then
  size = math.max(held, math.min(size, limit - taken))
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
local usages = next_list(2)
for index = 1, #usages, 2 do
  local major = usages[index]
  if redis.call('HGET', KEYS[2], major) == me then
    if usages[index + 1] == '' then
      redis.call('HDEL', KEYS[3], major)
    else
      redis.call('HSET', KEYS[3], major, string.format('%.0f', now) .. ' ' .. usages[index + 1])
    end
  end
end

for _, major in ipairs(next_list(1)) do
  if redis.call('HGET', KEYS[2], major) == me then
    local wisher = redis.call('HGET', KEYS[4], major)
    redis.call('HDEL', KEYS[4], major)
    if wisher and lives(wisher) then
      redis.call('HSET', KEYS[2], major, wisher)
    else
      redis.call('HDEL', KEYS[2], major)
    end
  end
end

local grants = {}
local function grant(major, origin, lapsed_ms)
  local since, usage = string.match(redis.call('HGET', KEYS[3], major) or '', '^(%d+) (.*)$')
  redis.call('HSET', KEYS[2], major, me)
  redis.call('HDEL', KEYS[4], major)
  for _, value in ipairs({ major, origin, usage or '', since and now - since or 0, lapsed_ms }) do
    grants[#grants + 1] = value
  end
end

for _, major in ipairs(next_list(1)) do
  local holder = redis.call('HGET', KEYS[2], major)
  if not holder then
    -- A usage without a holder was given back by one that went on to other things.
    grant(major, redis.call('HEXISTS', KEYS[3], major) == 1 and 'left' or 'new', 0)
  elseif holder == me then
    grant(major, 'own', 0)
  elseif lives(holder) then
    local wisher = redis.call('HGET', KEYS[4], major)
    if not wisher or not lives(wisher) then redis.call('HSET', KEYS[4], major, me) end
  elseif nodes[holder] and nodes[holder].hasLeft then
    grant(major, 'left', 0)
  else
    grant(major, 'lapsed', nodes[holder] and now - nodes[holder].lapsesAtMs or FORGET_AFTER_MS)
  end
end

local wishes = {}
local wished = redis.call('HGETALL', KEYS[4])
for index = 1, #wished, 2 do
  local holder = redis.call('HGET', KEYS[2], wished[index])
  if not holder or not lives(wished[index + 1]) then
    redis.call('HDEL', KEYS[4], wished[index])
  elseif holder == me then
    wishes[#wishes + 1] = wished[index]
  end
end

for index = 1, #KEYS do redis.call('PEXPIRE', KEYS[index], ARGV[8]) end
return { was_live and 1 or 0, size, #live, now, wishes, grants, news }
