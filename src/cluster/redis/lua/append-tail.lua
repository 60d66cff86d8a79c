-- Adds a chunk to a shard's tail and moves its checkpoint, under a lease; drops from the oldest on what is too old or too much.
-- Guarantee: chunks in the stream are without a hole, and only the shard's owner adds any. A chunk that was written by a
-- call whose reply was lost is replaced by the one that is written again.
--
-- KEYS[1] leases   KEYS[2] checkpoint   KEYS[3] stream (see begin-tail.lua)
-- ARGV[1] node id   [2] incarnation   [3] shard id   [4] epoch
-- ARGV[5] generation that the writer knows; '' for the first write behind what another left
-- ARGV[6] record; '' moves the checkpoint alone   [7] sequence that the chunk follows   [8] its last sequence
-- ARGV[9] maximal memory of base and chunks, bytes   [10] maximal age of chunks, ms
-- ARGV[11] keep the checkpoint for, ms   [12] keep the stream for, ms
-- ARGV[13] a newer base; missing: the one that is there stays
--
-- Reply: { 'ok', bytes, generation } | { 'lost' } | { 'unknown' } | { 'torn' }: what is stored does not reach up to the chunk
local whose = fence(KEYS[1], ARGV[3], tonumber(ARGV[4]), ARGV[2], ARGV[1])
if whose ~= 'ours' then return { whose } end

local stored = redis.call('HMGET', KEYS[2], 'generation', 'lastSequence', 'bytes', 'baseBytes')
local generation = stored[1]
if not generation or (ARGV[5] ~= '' and ARGV[5] ~= generation) then return { 'torn' } end
local after = tonumber(ARGV[7])
local bytes, base_bytes = tonumber(stored[3]), tonumber(stored[4])

local last = tonumber(stored[2])
if last < after then return { 'torn' } end
local id = ARGV[8] .. '-0'
if #ARGV[6] == 0 then
  -- What is kept from a time when chunks were does not go on.
  redis.call('DEL', KEYS[3])
elseif last > after then
  local written = redis.call('XRANGE', KEYS[3], string.format('%.0f-0', after + 1), '+')
  -- Without the chunks, or from the midst of one, nothing can be cut off.
  if #written == 0 or tonumber(written[1][2][4]) ~= after then return { 'torn' } end
  local top, count = string.match(written[#written][1], '^(%d+)-(%d+)$')
  if tonumber(ARGV[8]) < tonumber(top) then return { 'torn' } end
  -- A stream takes no id twice, not even that of a deleted entry.
  if tonumber(ARGV[8]) == tonumber(top) then id = ARGV[8] .. '-' .. (count + 1) end
  for _, entry in ipairs(written) do
    redis.call('XDEL', KEYS[3], entry[1])
    bytes = bytes - memory_of(#entry[2][6])
  end
end

local now = now_ms()
if ARGV[13] then
  bytes = bytes - base_bytes
  base_bytes = memory_of(#ARGV[13])
  bytes = bytes + base_bytes
  redis.call('HSET', KEYS[2], 'base', ARGV[13], 'baseBytes', base_bytes)
end
if #ARGV[6] == 0 then
  bytes = base_bytes
else
  redis.call('XADD', KEYS[3], id, 't', now, 'a', ARGV[7], 'c', ARGV[6])
  bytes = bytes + memory_of(#ARGV[6])
  local oldest = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
  -- Those before have expired together, while nothing was written.
  if oldest[1] == id then bytes = base_bytes + memory_of(#ARGV[6]) end
  while oldest[1] ~= id and (bytes > tonumber(ARGV[9]) or oldest[2][2] + ARGV[10] < now) do
    redis.call('XDEL', KEYS[3], oldest[1])
    bytes = bytes - memory_of(#oldest[2][6])
    oldest = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
  end
  redis.call('PEXPIRE', KEYS[3], ARGV[12])
end
redis.call('HSET', KEYS[2], 'lastSequence', ARGV[8], 'bytes', bytes)
redis.call('PEXPIRE', KEYS[2], ARGV[11])
return { 'ok', bytes, generation }
