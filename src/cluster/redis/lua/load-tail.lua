-- Reads a shard's tail.
-- Guarantee: base, checkpoint and chunks are of one moment.
--
-- KEYS[1] checkpoint   KEYS[2] stream (see begin-tail.lua)
-- ARGV[1] generation and [2] sequence up to which the reader has it; both missing: it has nothing
--
-- Reply: {} where there is no tail, else
--   { generation, lastSequence, base, '1' when it goes on behind ARGV[2], sequence that it begins behind, record, … }
local stored = redis.call('HMGET', KEYS[1], 'generation', 'lastSequence', 'base')
if not stored[1] then return {} end

local function reply(entries, is_continuation, begins_after)
  local found = { stored[1], stored[2], stored[3], is_continuation, begins_after }
  for index, entry in ipairs(entries) do found[index + 5] = entry[2][6] end
  return found
end

if ARGV[1] == stored[1] and tonumber(ARGV[2]) <= tonumber(stored[2]) then
  if tonumber(ARGV[2]) == tonumber(stored[2]) then return reply({}, '1', ARGV[2]) end
  local behind = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', ARGV[2] + 1), '+')
  if behind[1] and tonumber(behind[1][2][4]) == tonumber(ARGV[2]) then return reply(behind, '1', ARGV[2]) end
end
local all = redis.call('XRANGE', KEYS[2], '-', '+')
return reply(all, '0', all[1] and all[1][2][4] or stored[2])
