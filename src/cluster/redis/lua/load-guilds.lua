-- Begins to read what is stored of a shard's guilds.
-- Guarantee: all of one moment. The guilds themselves follow with read-guilds.lua.
--
-- KEYS[1] guilds (see begin-guilds.lua)
--
-- Reply: {} where there is nothing, else { generation, revision, checkpoint, field, … }: the names of all fields
local stored = redis.call('HMGET', KEYS[1], 'generation', 'revision', 'checkpoint')
if not (stored[1] and stored[2] and stored[3]) then return {} end
for index, field in ipairs(redis.call('HKEYS', KEYS[1])) do stored[index + 3] = field end
return stored
