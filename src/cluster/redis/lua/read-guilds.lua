-- Reads some of a shard's stored guilds: of those asked for as many of the first as make up so many bytes.
-- Guarantee: all of one moment, and none in part.
--
-- KEYS[1] guilds (see begin-guilds.lua)
-- ARGV[1] maximal bytes; the guild that reaches them is the last   [2] guild ids
--
-- Reply: { generation, revision, `<sequence> <pending>` or '' where it is gone, body or '', … }; both of the first are '' where
-- nothing is stored
local stored = redis.call('HMGET', KEYS[1], 'generation', 'revision')
local reply = { stored[1] or '', stored[2] or '' }
local bytes = 0
for index = 2, #ARGV do
  local guild = redis.call('HMGET', KEYS[1], 'p' .. ARGV[index], 'b' .. ARGV[index])
  local pending, body = guild[1] or '', guild[2] or ''
  reply[#reply + 1] = pending
  reply[#reply + 1] = body
  bytes = bytes + #pending + #body
  if bytes >= tonumber(ARGV[1]) then break end
end
return reply
