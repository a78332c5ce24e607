"""The inbox of all workers and nodes, in Valkey; what it does is told, and done in Python, by Box.

Users are spread over 64 parts, each with a slot of its own, so that a part knows in one step who of
its users has something that expires.  Of a user there are: `letters` (id to publication), `order`
(when it was posted), `due`, `tries`, `until` (when it expires), `done` (ids that are acknowledged,
so that one that is posted again is known), `dead` (when) and `graves` (why, and the letter).  All
times are milliseconds of the worker's clock.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

from tta_gateway.features.realtime.asking import Asking, as_bytes, as_int, as_list, bus_of
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.inbox import (
    DEAD_FOR,
    FIRST,
    KNOWN,
    LONGEST,
    MOST,
    MOST_DEAD,
    TAG,
    DeadLetter,
    Letter,
    Outcome,
    Posted,
    channel_of,
)
from tta_gateway.features.realtime.packing import pack, unpack
from tta_gateway.features.realtime.publication import Publication
from tta_gateway.features.realtime.scripts import SERVER
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import Arg, Reply
from tta_gateway.support.valkey.script import Script

PARTS: Final = 64
_TOGETHER: Final = 100  # users that are swept in one step
_BEGIN: Final = f"""
local part, user, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
local function text(number) return string.format('%.0f', number) end
local function key(name) return part .. name .. ':' .. user end
local function drop(id)
  redis.call('HDEL', key('letters'), id)
  redis.call('HDEL', key('tries'), id)
  redis.call('ZREM', key('order'), id)
  redis.call('ZREM', key('due'), id)
  redis.call('ZREM', key('until'), id)
end
local function bury(id, why, letter)
  redis.call('HSET', key('graves'), id, why .. ' ' .. letter)
  redis.call('ZADD', key('dead'), text(now), id)
  local over = redis.call('ZCARD', key('dead')) - {MOST_DEAD}
  if over > 0 then
    for _, old in ipairs(redis.call('ZRANGE', key('dead'), 0, over - 1)) do
      redis.call('HDEL', key('graves'), old)
      redis.call('ZREM', key('dead'), old)
    end
  end
end
local function expire()
  local over = redis.call('ZRANGE', key('until'), '-inf', text(now), 'BYSCORE')
  for _, id in ipairs(over) do
    local letter = redis.call('HGET', key('letters'), id)
    bury(id, 'expired', letter)
    drop(id)
  end
  redis.call('ZREMRANGEBYSCORE', key('done'), '-inf', text(now))
  local old = redis.call('ZRANGE', key('dead'), '-inf', text(now - {DEAD_FOR}), 'BYSCORE')
  for _, id in ipairs(old) do
    redis.call('HDEL', key('graves'), id)
    redis.call('ZREM', key('dead'), id)
  end
  return #over
end
local function try(id, reaches)
  local tries = tonumber(redis.call('HGET', key('tries'), id) or '0')
  if reaches then tries = redis.call('HINCRBY', key('tries'), id, 1) end
  local pause = math.min({LONGEST}, {FIRST} * 2 ^ math.max(0, tries - 1))
  redis.call('ZADD', key('due'), text(now + pause), id)
end
local function index()
  local first = redis.call('ZRANGE', key('until'), 0, 0, 'WITHSCORES')[2]
  local known = redis.call('ZRANGE', key('done'), 0, 0, 'WITHSCORES')[2]
  local oldest = redis.call('ZRANGE', key('dead'), 0, 0, 'WITHSCORES')[2]
  local due = math.huge
  if first then due = math.min(due, tonumber(first)) end
  if known then due = math.min(due, tonumber(known)) end
  if oldest then due = math.min(due, tonumber(oldest) + {DEAD_FOR}) end
  if due < math.huge then
    redis.call('ZADD', part .. 'users', text(due), user)
  else
    redis.call('ZREM', part .. 'users', user)
  end
  if oldest then
    redis.call('ZADD', part .. 'mourners', oldest, user)
  else
    redis.call('ZREM', part .. 'mourners', user)
  end
end
"""
_SEND: Final = """
local function send(letter)
  return redis.call('PUBLISH', ARGV[3], 'p0 \\n' .. letter) > 0
end
"""

# ARGV: user, now, name on the bus, id, letter, when it expires.  Returns an Outcome, and which
# server it was.
_POST: Final = Script(
    f"""{SERVER}{_BEGIN}{_SEND}
local id, letter, till = ARGV[4], ARGV[5], tonumber(ARGV[6])
redis.call('HSET', part .. 'last', 'post', text(now))
expire()
local outcome = 'new'
if redis.call('HEXISTS', key('letters'), id) == 1 or redis.call('ZSCORE', key('done'), id)
    or redis.call('ZSCORE', key('dead'), id) then
  outcome = 'repeated'
elseif till <= now then
  outcome = 'expired'
  bury(id, outcome, letter)
elseif redis.call('HLEN', key('letters')) >= {MOST} then
  outcome = 'crowded'
  bury(id, outcome, letter)
else
  local last = redis.call('ZRANGE', key('order'), -1, -1, 'WITHSCORES')[2] or '0'
  redis.call('HSET', key('letters'), id, letter)
  redis.call('ZADD', key('order'), text(tonumber(last) + 1), id)
  redis.call('ZADD', key('until'), text(till), id)
  try(id, send(letter))
end
index()
return {{outcome, server()}}
"""
)

# ARGV: user, now.  Returns the letters.
_DRAIN: Final = Script(
    _BEGIN
    + """
expire()
local found = {}
for _, id in ipairs(redis.call('ZRANGE', key('order'), 0, -1)) do
  found[#found + 1] = redis.call('HGET', key('letters'), id)
  try(id, true)
end
index()
return found
"""
)

# ARGV: user, now, id.  Returns whether it is acknowledged.
_ACKNOWLEDGE: Final = Script(
    f"""{_BEGIN}
expire()
local id = ARGV[3]
local till = redis.call('ZSCORE', key('until'), id)
if till then
  redis.call('ZADD', key('done'), text(tonumber(till) + {KNOWN}), id)
  drop(id)
elseif redis.call('ZREM', key('dead'), id) == 1 then
  redis.call('HDEL', key('graves'), id)
  redis.call('ZADD', key('done'), text(now + {DEAD_FOR}), id)
end
index()
if redis.call('ZSCORE', key('done'), id) then return 1 end
return 0
"""
)

# ARGV: user, now, name on the bus.  Returns how many were sent, and when the next is due.
_REDELIVER: Final = Script(
    f"""{_BEGIN}{_SEND}
expire()
local due = {{}}
for _, id in ipairs(redis.call('ZRANGE', key('due'), '-inf', text(now), 'BYSCORE')) do
  due[#due + 1] = {{tonumber(redis.call('ZSCORE', key('order'), id)), id}}
end
table.sort(due, function(a, b) return a[1] < b[1] end)
for _, one in ipairs(due) do
  try(one[2], send(redis.call('HGET', key('letters'), one[2])))
end
index()
local first = redis.call('ZRANGE', key('due'), 0, 0, 'WITHSCORES')[2]
return {{#due, first or '-1'}}
"""
)

# ARGV: nobody, now, how many users.  Returns how many letters have died, and how many users it saw.
_SWEEP: Final = Script(
    _BEGIN
    + """
local died = 0
local till = text(now)
local users = redis.call('ZRANGE', part .. 'users', '-inf', till, 'BYSCORE', 'LIMIT', 0, ARGV[3])
for _, one in ipairs(users) do
  user = one
  died = died + expire()
  index()
end
return {died, #users}
"""
)

# ARGV: user, now.  Returns id, when, and why and what, of each.
_DEAD: Final = Script(
    _BEGIN
    + """
local found = {}
local ids = redis.call('ZRANGE', key('dead'), 0, -1, 'WITHSCORES')
for at = 1, #ids, 2 do
  found[#found + 1] = {ids[at], ids[at + 1], redis.call('HGET', key('graves'), ids[at])}
end
return found
"""
)

# ARGV: user, now, id.
_FORGET: Final = Script(
    _BEGIN
    + """
local was = redis.call('ZREM', key('dead'), ARGV[3])
redis.call('HDEL', key('graves'), ARGV[3])
index()
return was
"""
)


class ValkeyInbox:
    """An Inbox."""

    def __init__(
        self,
        client: Callable[[], Valkey | None],
        *,
        wall: Callable[[], float],
        disk: Disk | None = None,
        database: int = 0,
    ) -> None:
        """Ask by way of this client; `wall` is seconds of the epoch.

        With a disk whoever posts waits until it is there, if the store can say so.
        """
        self._disk = disk
        self._name = bus_of(database)
        self._ask = Asking(client)
        self._wall = wall

    async def post(self, user: str, letter: Letter) -> Posted:
        """Keep a letter, and send it to whoever listens."""
        publication = letter.publication
        tagged = Publication(
            publication.data,
            info=publication.info,
            tags={**publication.tags, TAG: letter.id},
            time=publication.time,
        )
        args = (self._bus(user), letter.id, pack(tagged), letter.expires)
        outcome, server = as_list(await self._of(_POST, user, *args))
        disk = self._disk
        durable = disk is not None and await disk.holds(_part_of(user) + b"disk", as_bytes(server))
        return Posted(Outcome(as_bytes(outcome).decode()), durable)

    async def drain(self, user: str) -> Sequence[Publication]:
        """Return all that he has not acknowledged, in order, for a session that has just come."""
        reply = as_list(await self._of(_DRAIN, user))
        found = [unpack(as_bytes(one), 0) for one in reply]
        return [one for one in found if one is not None]

    async def acknowledge(self, user: str, id: str) -> bool:
        """Take his receipt; False if there is no such letter (any more)."""
        return await self._of(_ACKNOWLEDGE, user, id) == 1

    async def redeliver(self, user: str) -> int:
        """Send again what is due; return milliseconds until the next is, -1 for none."""
        _, due = as_list(await self._of(_REDELIVER, user, self._bus(user)))
        at = int(as_bytes(due))
        return -1 if at < 0 else max(0, at - self._now)

    async def sweep(self) -> int:
        """Bury what has expired, of all users; return how many."""
        died = 0
        for number in range(PARTS):
            seen = _TOGETHER
            while seen >= _TOGETHER:
                reply = as_list(await self._run(_SWEEP, _part(number), "", _TOGETHER))
                some, seen = as_int(reply[0]), as_int(reply[1])
                died += some
        return died

    async def dead(self, user: str) -> Sequence[DeadLetter]:
        """Return his dead letters, the oldest first."""
        found = []
        for one in as_list(await self._of(_DEAD, user)):
            id, at, grave = as_list(one)
            why, _, letter = as_bytes(grave).partition(b" ")
            publication = unpack(letter, 0)
            if publication is not None:
                died = DeadLetter(
                    as_bytes(id).decode(), why.decode(), int(as_bytes(at)), publication
                )
                found.append(died)
        return found

    async def mourners(self, limit: int) -> Sequence[str]:
        """Return users who have dead letters."""
        found: list[str] = []
        for number in range(PARTS):
            if len(found) >= limit:
                break
            part = _part(number) + b"mourners"
            reply = await self._ask.command("ZRANGE", part, 0, limit - len(found) - 1, key=part)
            found += [as_bytes(one).decode() for one in as_list(reply)]
        return found

    async def forget(self, user: str, id: str) -> bool:
        """Throw a dead letter away; False if there is none."""
        return await self._of(_FORGET, user, id) == 1

    # In between

    @property
    def _now(self) -> int:
        return int(self._wall() * 1000)

    def _bus(self, user: str) -> bytes:
        return self._name + channel_of(user).encode()

    async def _of(self, script: Script, user: str, *args: Arg) -> Reply:
        return await self._run(script, _part_of(user), user, *args)

    async def _run(self, script: Script, part: bytes, user: str, *args: Arg) -> Reply:
        return await self._ask.run(script, [part], user, self._now, *args)


def _part(number: int) -> bytes:
    return b"{tta:inbox:%d}:" % number


def _part_of(user: str) -> bytes:
    return _part(blake2b(user.encode(), digest_size=1).digest()[0] % PARTS)
