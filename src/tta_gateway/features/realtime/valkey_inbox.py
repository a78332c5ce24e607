"""The inbox of all workers and nodes, in Valkey; what it does is told, and done in Python, by Box.

Users are spread over 64 parts, each with a slot of its own, so that a part knows in one step who of
its users has something that expires.  Of a user there are: `letters` (id to publication), `order`
(when it was posted), `due`, `tries`, `until` (when it expires), `done` (ids that are acknowledged,
so that one that is posted again is known), `dead` (when) and `graves` (why, and the letter).
Of a part there is `last`: when something was posted, and how many dead letters there are.  All
times are milliseconds of the worker's clock.
"""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

from tta_gateway.features.realtime.asking import Asking, as_bytes, as_int, as_list, bus_of, sealed
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.inbox import (
    DEAD_FOR,
    FIRST,
    KNOWN,
    LARGEST,
    LARGEST_DEAD,
    LONGEST,
    MOST,
    MOST_DEAD,
    PAGE,
    TAG,
    DeadLetter,
    DeadPage,
    Letter,
    Mourners,
    Outcome,
    Page,
    Posted,
    channel_of,
)
from tta_gateway.features.realtime.packing import pack, unpack
from tta_gateway.features.realtime.publication import Publication, key_of_person
from tta_gateway.features.realtime.scripts import SERVER
from tta_gateway.support.crypto.sealing import Erased
from tta_gateway.support.crypto.vault import Vault, opened
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import Arg, Reply
from tta_gateway.support.valkey.script import Script

PARTS: Final = 64
_POSTED_AT_ONCE: Final = 32  # letters on their way to the store: of 64 KiB, 2 MiB of its queue
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
local function dig(id)
  if redis.call('ZREM', key('dead'), id) == 0 then return 0 end
  redis.call('HDEL', key('graves'), id)
  redis.call('HINCRBY', part .. 'last', 'dead', -1)
  return 1
end
local function bury(id, why, letter)
  redis.call('HSET', key('graves'), id, why .. ' ' .. letter)
  redis.call('ZADD', key('dead'), text(now), id)
  redis.call('HINCRBY', part .. 'last', 'dead', 1)
  local over = redis.call('ZCARD', key('dead')) - {MOST_DEAD}
  if over > 0 then
    for _, old in ipairs(redis.call('ZRANGE', key('dead'), 0, over - 1)) do dig(old) end
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
  for _, id in ipairs(old) do dig(id) end
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

# ARGV: user, now, order of the last letter before.  Returns letters, and the order of the last one
# if more follow.
_DRAIN: Final = Script(
    _BEGIN
    + f"""
expire()
local rest = redis.call('ZRANGE', key('order'), '(' .. ARGV[3], '+inf', 'BYSCORE', 'LIMIT', 0,
    {PAGE} + 1)
local found, size, after = {{}}, 0, '-1'
for at, id in ipairs(rest) do
  if at > {PAGE} or (at > 1 and size > {LARGEST}) then
    after = redis.call('ZSCORE', key('order'), rest[at - 1])
    break
  end
  found[at] = redis.call('HGET', key('letters'), id)
  size = size + #found[at]
  try(id, true)
end
index()
return {{found, after}}
"""
)

# ARGV: user, now, ids.  Returns of each whether it is acknowledged.
_ACKNOWLEDGE: Final = Script(
    f"""{_BEGIN}
expire()
local known = {{}}
for at = 3, #ARGV do
  local id = ARGV[at]
  local till = redis.call('ZSCORE', key('until'), id)
  if till then
    redis.call('ZADD', key('done'), text(tonumber(till) + {KNOWN}), id)
    drop(id)
  elseif dig(id) == 1 then
    redis.call('ZADD', key('done'), text(now + {DEAD_FOR}), id)
  end
  known[#known + 1] = redis.call('ZSCORE', key('done'), id) and 1 or 0
end
index()
return known
"""
)

# ARGV: user, now, name on the bus.  Returns how many were sent, and when the next is due.  Who asks
# has him here, so it reaches him: of a cluster PUBLISH counts those alone who listen at one server.
_REDELIVER: Final = Script(
    f"""{_BEGIN}{_SEND}
expire()
local due = {{}}
for _, id in ipairs(redis.call('ZRANGE', key('due'), '-inf', text(now), 'BYSCORE')) do
  due[#due + 1] = {{tonumber(redis.call('ZSCORE', key('order'), id)), id}}
end
table.sort(due, function(a, b) return a[1] < b[1] end)
local size, sent = 0, 0
for at, one in ipairs(due) do
  if at > {PAGE} or (at > 1 and size > {LARGEST}) then break end
  local letter = redis.call('HGET', key('letters'), one[2])
  send(letter)
  try(one[2], true)
  size, sent = size + #letter, at
end
index()
local first = redis.call('ZRANGE', key('due'), 0, 0, 'WITHSCORES')[2]
return {{sent, first or '-1'}}
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

# ARGV: user, now, how many are passed over, how many are told.  Returns how many there are, and id,
# when, and why and what, of each.
_DEAD: Final = Script(
    f"""{_BEGIN}
if expire() > 0 then index() end
local found, size, first = {{}}, 0, tonumber(ARGV[3])
local ids = redis.call('ZRANGE', key('dead'), first, first + tonumber(ARGV[4]) - 1, 'WITHSCORES')
for at = 1, #ids, 2 do
  if at > 1 and size > {LARGEST_DEAD} then break end
  local grave = redis.call('HGET', key('graves'), ids[at])
  found[#found + 1] = {{ids[at], ids[at + 1], grave}}
  size = size + #grave
end
return {{redis.call('ZCARD', key('dead')), found}}
"""
)

# ARGV: user, now, id.
_FORGET: Final = Script(
    _BEGIN
    + """
local was = dig(ARGV[3])
index()
return was
"""
)

# ARGV: user, now.  Deletes first, since a full server refuses what it cannot keep: see scripts.py.
_ERASE: Final = Script(
    _BEGIN
    + """
local dead = redis.call('ZCARD', key('dead'))
local names = {'letters', 'order', 'due', 'tries', 'until', 'done', 'dead', 'graves'}
for _, name in ipairs(names) do redis.call('DEL', key(name)) end
index()
if dead > 0 then redis.call('HINCRBY', part .. 'last', 'dead', -dead) end
return 1
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
        self.vault: Callable[[], Vault | None] = lambda: None
        """What letters are sealed with in the store and on the bus: to be set."""
        self._few = asyncio.Semaphore(_POSTED_AT_ONCE)

    async def post(self, user: str, letter: Letter) -> Posted:
        """Keep a letter, and send it to whoever listens."""
        publication = letter.publication
        tagged = Publication(
            publication.data,
            info=publication.info,
            tags={**publication.tags, TAG: letter.id},
            time=publication.time,
        )
        # As the broker that hears it opens it.
        packed = sealed(
            self.vault(), pack(tagged), owner=channel_of(user), whose=key_of_person(user)
        )
        args = (self._bus(user), letter.id, packed, letter.expires)
        async with self._few:  # not one's whole crowd in the store's queue
            outcome, server = as_list(await self._of(_POST, user, *args))
        disk = self._disk
        durable = disk is not None and await disk.holds(_part_of(user) + b"disk", as_bytes(server))
        return Posted(Outcome(as_bytes(outcome).decode()), durable)

    async def drain(self, user: str, after: int = 0) -> Page:
        """Return what he has not acknowledged, in order, for a session that has just come."""
        letters, then = as_list(await self._of(_DRAIN, user, after))
        found = [self._opened(user, as_bytes(one)) for one in as_list(letters)]
        return Page([one for one in found if one is not None], int(as_bytes(then)))

    async def acknowledge(self, user: str, id: str) -> bool:
        """Take his receipt; False if there is no such letter (any more)."""
        return (await self.acknowledge_all(user, [id]))[0]

    async def acknowledge_all(self, user: str, ids: Sequence[str]) -> Sequence[bool]:
        """Take his receipts in one step; say of each what `acknowledge` says."""
        return [one == 1 for one in as_list(await self._of(_ACKNOWLEDGE, user, *ids))]

    async def is_acknowledged(self, user: str, id: str) -> bool:
        """Tell whether he has acknowledged a letter, as long as its id is known."""
        part = _part_of(user)
        key = part + b"done:" + user.encode()
        return await self._ask.command("ZSCORE", key, id, key=part) is not None

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

    async def dead(self, user: str, *, skip: int = 0, limit: int = PAGE) -> DeadPage:
        """Return so many of his dead letters, the oldest first; fewer of those that are large."""
        found = []
        all_of_them, some = as_list(await self._of(_DEAD, user, skip, limit))
        for one in as_list(some):
            id, at, grave = as_list(one)
            why, _, letter = as_bytes(grave).partition(b" ")
            publication = self._opened(user, letter)
            if publication is not None:
                died = DeadLetter(
                    as_bytes(id).decode(), why.decode(), int(as_bytes(at)), publication
                )
                found.append(died)
        return DeadPage(found, as_int(all_of_them))

    async def mourners(self, limit: int, after: str = "") -> Mourners:
        """Return users who have dead letters, in pages.

        Where the letters of somebody go meanwhile a page may pass somebody else over.
        """
        found: list[str] = []
        number, rank = map(int, (after or "0.0").split("."))
        while number < PARTS and len(found) < limit:
            part, more = _part(number) + b"mourners", limit - len(found)
            reply = await self._ask.command("ZRANGE", part, rank, rank + more - 1, key=part)
            some = [as_bytes(one).decode() for one in as_list(reply)]
            found += some
            number, rank = (number, rank + more) if len(some) == more else (number + 1, 0)
        return Mourners(found, f"{number}.{rank}" if number < PARTS else "")

    async def count(self) -> int:
        """Return how many dead letters there are, of all users."""
        dead = 0
        for number in range(PARTS):
            last = _part(number) + b"last"
            reply = await self._ask.command("HGET", last, "dead", key=last)
            dead += 0 if reply is None else int(as_bytes(reply))
        return dead

    async def forget(self, user: str, id: str) -> bool:
        """Throw a dead letter away; False if there is none."""
        return await self._of(_FORGET, user, id) == 1

    async def erase(self, user: str) -> None:
        """Delete all of somebody's letters, and what is known of those that were here."""
        await self._of(_ERASE, user)

    # In between

    @property
    def _now(self) -> int:
        return int(self._wall() * 1000)

    def _opened(self, user: str, stored: bytes) -> Publication | None:
        try:
            return unpack(opened(self.vault(), stored, owner=channel_of(user)), 0)
        except Erased:
            return None

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
