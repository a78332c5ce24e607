"""What the store does in one step, in the Lua of Redis 7.0.

A channel's keys share a slot.  `meta` is a hash: its epoch `e`, its top offset `s`, and `r`, which
server has counted it.  `stream` holds the publications; the id of an entry is its offset.

**Never back in time.**  Offsets prove something only while nobody counts the same ones twice.  Who
counts is the process that serves (`run_id`) in the history that it has (`master_replid`, which is
another one after every promotion).  Where `r` is another, the channel may have gone back: a crash
took the tail, a replica without it was promoted, a copy was restored.  So it gets another epoch,
and what is still there keeps its offsets.  That is so with `appendfsync always` too: a subscriber
whose socket was full may be sent a message before the log has it.

The first write of a script is one that a full server refuses, so that none is done by halves.
"""

from typing import Final

from tta_gateway.support.valkey.script import Script

READ_FOR: Final = 3600  # seconds that the epoch of a channel lives after it was looked at
SERVER: Final = """
local function server()
  local said = redis.call('INFO', 'server', 'replication')
  local run = string.match(said, 'run_id:(%x+)') or ''
  local line = string.match(said, 'master_replid:(%x+)') or ''
  if run == '' or line == '' then
    error({err = 'NOIDENTITY INFO tells no run_id or master_replid'})
  end
  return string.sub(run, 1, 20) .. string.sub(line, 1, 20)
end
"""
_BEGIN: Final = (
    SERVER
    + """
local function text(number) return string.format('%.0f', number) end
local function position(meta, stream, fresh, me)
  local found = redis.call('HMGET', meta, 'e', 's', 'r')
  local epoch, top = found[1], tonumber(found[2] or '0')
  if epoch and found[3] == me then return epoch, top end
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if last then top = math.max(top, tonumber(string.match(last[1], '^%d+'))) end
  redis.call('HSET', meta, 'e', fresh, 's', text(top), 'r', me)
  return fresh, top
end
"""
)

# KEYS: meta, stream, key.  ARGV: fresh epoch, name on the bus, publication, size, seconds and
# seconds of the epoch (size 0: nothing is kept), seconds that the key is remembered (0: none).
# Returns offset, epoch, whether it was there already, and which server it was.
PUBLISH: Final = Script(
    _BEGIN
    + """
local me = server()
local size, remembered = tonumber(ARGV[4]), tonumber(ARGV[7])
if remembered > 0 then
  local known = redis.call('GET', KEYS[3])
  if known then
    local offset, epoch = string.match(known, '^(%d+) (.*)$')
    return {offset, epoch, '1', me}
  end
end
local epoch, offset = '', '0'
if size > 0 then
  local top
  epoch, top = position(KEYS[1], KEYS[2], ARGV[1], me)
  offset = text(top + 1)
  redis.call('HSET', KEYS[1], 's', offset)
  redis.call('EXPIRE', KEYS[1], ARGV[6])
  redis.call('XADD', KEYS[2], 'MAXLEN', size, offset, 'p', ARGV[3])
  redis.call('EXPIRE', KEYS[2], ARGV[5])
end
if remembered > 0 then
  redis.call('SET', KEYS[3], offset .. ' ' .. epoch, 'EX', remembered)
end
redis.call('PUBLISH', ARGV[2], 'p' .. offset .. ' ' .. epoch .. '\\n' .. ARGV[3])
return {offset, epoch, '0', me}
"""
)

# KEYS: meta, stream.  ARGV: fresh epoch, least seconds of the epoch, first and last id, how many
# (0: none, negative: all), '1' for the latest first.  Returns epoch, top, and the entries.
HISTORY: Final = Script(
    _BEGIN
    + """
local epoch, top = position(KEYS[1], KEYS[2], ARGV[1], server())
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
local limit, found = tonumber(ARGV[5]), {}
if limit ~= 0 then
  local words = {'XRANGE', KEYS[2], ARGV[3], ARGV[4]}
  if ARGV[6] == '1' then words = {'XREVRANGE', KEYS[2], ARGV[4], ARGV[3]} end
  if limit > 0 then
    words[5], words[6] = 'COUNT', limit
  end
  found = redis.call(unpack(words))
end
return {epoch, text(top), found}
"""
)

# Who is in a channel: `until` is a sorted set of sessions by when they end (ms of the server's
# clock), `about` a hash of what is said of each, `users` a hash of how many sessions each has.
# What is said of a session begins with the length of its user's name, and that.
_PRESENCE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local function forget(client)
  local about = redis.call('HGET', KEYS[2], client)
  if not about then return end
  redis.call('HDEL', KEYS[2], client)
  redis.call('ZREM', KEYS[1], client)
  local length, user = string.match(about, '^(%d+):(.*)')
  user = string.sub(user, 1, tonumber(length))
  if redis.call('HINCRBY', KEYS[3], user, -1) <= 0 then redis.call('HDEL', KEYS[3], user) end
end
local function sweep()
  local gone = redis.call('ZRANGE', KEYS[1], '-inf', text(now), 'BYSCORE', 'LIMIT', 0, 1000)
  for _, client in ipairs(gone) do forget(client) end
end
"""

# ARGV: session, what is said of it, its user, for how many milliseconds.
APPEAR: Final = Script(
    _PRESENCE
    + """
sweep()
local known = redis.call('HGET', KEYS[2], ARGV[1])
if known ~= ARGV[2] then
  if known then forget(ARGV[1]) end
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('HINCRBY', KEYS[3], ARGV[3], 1)
end
redis.call('ZADD', KEYS[1], text(now + tonumber(ARGV[4])), ARGV[1])
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[4]) then redis.call('PEXPIRE', key, ARGV[4]) end
end
return 1
"""
)

# ARGV: session.
VANISH: Final = Script(_PRESENCE + "sweep()\nforget(ARGV[1])\nreturn 1\n")

PRESENT: Final = Script(_PRESENCE + "sweep()\nreturn redis.call('HVALS', KEYS[2])\n")

COUNT: Final = Script(
    _PRESENCE + "sweep()\nreturn {redis.call('ZCARD', KEYS[1]), redis.call('HLEN', KEYS[3])}\n"
)

# KEYS: one that is written, so that a replica refuses.  ARGV: name on the bus, what is said.
PROBE: Final = Script(
    """
redis.call('SET', KEYS[1], ARGV[2], 'EX', 60)
return redis.call('PUBLISH', ARGV[1], ARGV[2])
"""
)
