"""What all nodes have spent, in Valkey; what is here is in the Lua of Redis 7.0.

A bucket is a text: since when it is busy, when it is full again (microseconds of the server's
clock), and the nonce of the last time that somebody has emptied it.  A window of a quota is
another, whose first number is the count.  The arithmetic is that of `algorithm.Span`; a test feeds
both the same.  Names are digests: nobody reads there who somebody is.

All keys share a slot, so that one script settles many.  Whatever is full again is gone by itself.

Times are told by the server's clock, which is known from what it said last, less what may have
passed since: what it does late, because it was stopped, says no more than it would have then.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from math import ceil, inf
from typing import Final

from tta_gateway.features.ratelimit.store import Answered, Asked, Away, Owed, Settled
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import Arg, Reply
from tta_gateway.support.valkey.error import Refused, Timeout, Unavailable
from tta_gateway.support.valkey.script import Script

PATIENCE: Final = 0.05  # seconds that a request waits, at most
_IN_THE_BACKGROUND: Final = 0.25
_REST: Final = 1.0  # seconds between two requests that wait for a store that does not answer
_TAG: Final = b"{tta:limits:2}:"
"""Begins all keys.  A gateway that kept users without their issuers has written without the 2, and
is counted apart: what is somebody's name there could be another's key here."""
_MICRO: Final = 1_000_000
_REMEMBERED: Final = 60_000  # milliseconds that a bucket is known to have been emptied
_BEGIN: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end
local function read(key)
  local value = redis.call('GET', key)
  if value then
    local x, y, nonce = string.match(value, '^(%d+) (%d+) (%w*)$')
    if x then return tonumber(x), tonumber(y), nonce end
  end
  return 0, 0, ''
end
local function write(key, x, y, nonce, left)
  if nonce ~= '' and left < REMEMBERED then left = REMEMBERED end
  if left >= 1 then
    redis.call('SET', key, text(x) .. ' ' .. text(y) .. ' ' .. nonce, 'PX', text(left))
  end
end
""".replace("REMEMBERED", str(_REMEMBERED))
_SETTLE: Final = Script(
    _BEGIN
    + """
local out = {text(now)}
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 5
  local kind = ARGV[at + 1]
  local a, b = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local c, d = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local x, y, nonce = read(key)
  if kind == 'spent' then
    local since, best = x, y
    if d > y then since, best = c, d end
    local together = y + d - math.max(c, x)
    if together > best then since, best = math.min(c, x), together end
    if a >= x and y + b > best then since, best = x, y + b end
    x, y = since, best
    write(key, x, y, nonce, math.ceil((y - now) / 1000))
  elseif kind == 'known' then
    if d > y then
      x, y = c, d
      write(key, x, y, nonce, math.ceil((y - now) / 1000))
    end
  elseif kind == 'counted' then
    if a > 0 then
      x = x + a
      write(key, x, y, nonce, d)
    end
  elseif kind == 'least' then
    if a > x then
      x = a
      write(key, x, y, nonce, d)
    end
  end
  out[#out + 1] = text(x)
  out[#out + 1] = text(y)
  out[#out + 1] = nonce
end
return out
"""
)
_TAKE: Final = Script(
    _BEGIN
    + """
local out, held, refused = {text(now)}, {}, false
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4
  local kind, take = ARGV[at + 1], tonumber(ARGV[at + 2])
  local most, left = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local x, y, nonce = read(key)
  local wait = 0
  if kind == 'rate' then
    wait = math.max(y, now) + take - now - most
    if wait <= 1 then
      wait = 0
      if y <= now then x, y = now, now + take else y = y + take end
      left = math.ceil((y - now) / 1000)
    end
  elseif x + take > most then
    wait = left * 1000
  else
    x = x + take
  end
  if wait > 0 then refused = true end
  held[i] = {key, x, y, nonce, left, wait}
end
for i, one in ipairs(held) do
  local x, y = one[2], one[3]
  if refused then
    x, y = read(one[1])
  else
    write(one[1], x, y, one[4], one[5])
  end
  out[#out + 1] = text(one[6])
  out[#out + 1] = text(x)
  out[#out + 1] = text(y)
  out[#out + 1] = one[4]
end
return out
"""
)
_RESET: Final = Script(
    _BEGIN
    + """
write(KEYS[1], 0, 0, ARGV[1], tonumber(ARGV[2]))
return 1
"""
)


def name_of(id: str, key: str) -> bytes:
    """Return what the store calls a bucket."""
    return blake2b(f"{id}\x00{key}".encode(), digest_size=16).hexdigest().encode()


class ValkeyStore:
    """Asks the store for state."""

    def __init__(
        self,
        client: Callable[[], Valkey | None],
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """Ask by way of this client; None: there is none at the moment."""
        self._client = client
        self._monotonic = monotonic
        self._wall = wall
        self._ahead: float | None = None  # how far its clock is ahead of ours, at least
        self._rests_until = -inf

    # What requests wait for

    async def take(self, asked: Sequence[Asked]) -> list[Answered]:
        """Take from all of these or from none of them, in one step.

        Where the last one got no answer, those that come soon after do not wait for one.
        """
        now = self._monotonic()
        if now < self._rests_until:
            raise Away("it has just not answered", may_be_done=False)
        keys = [self._key(one) for one in asked]
        args: list[Arg] = []
        for one in asked:
            if one.ends:
                left = max(1, ceil((one.ends - self._wall()) * 1000))
                args += [b"quota", one.cost, one.amount, left]
            else:
                args += [b"rate", round(one.step * _MICRO), round(one.depth * _MICRO), 0]
        try:
            reply = await self._run(_TAKE, keys, args, PATIENCE)
        except Away as away:
            if away.may_be_done:  # it has kept somebody waiting: let it keep nobody else so soon
                self._rests_until = self._monotonic() + _REST
            raise
        server = _number(reply[0])
        return [
            Answered(
                wait=_number(reply[at]) / _MICRO,
                since=float(asked[place].window)
                if asked[place].ends
                else (_number(reply[at + 1]) - server) / _MICRO,
                full=float(_number(reply[at + 1]))
                if asked[place].ends
                else (_number(reply[at + 2]) - server) / _MICRO,
                nonce=_bytes(reply[at + 3]),
            )
            for place, at in enumerate(range(1, len(reply), 4))
        ]

    # What nobody waits for

    async def settle(self, owed: Sequence[Owed]) -> list[Settled]:
        """Tell of what was spent here, and return what all have spent; Away if nobody answers."""
        ahead = self._ahead
        if ahead is None:
            ahead = await self._compare()
        keys = [self._key(one) for one in owed]
        args: list[Arg] = []
        for one in owed:
            args += self._told(one, ahead)
        sent = self._monotonic()
        reply = await self._run(_SETTLE, keys, args, _IN_THE_BACKGROUND)
        server = _number(reply[0])
        self._ahead = server / _MICRO - self._monotonic()
        behind = sent - server / _MICRO  # what it says is not later than so much of ours
        found = []
        for place, at in enumerate(range(1, len(reply), 3)):
            one, x = owed[place], _number(reply[at])
            nonce = _bytes(reply[at + 2])
            if one.ends:
                found.append(Settled(float(one.window), float(x), nonce))
            else:
                full = _number(reply[at + 1])
                found.append(Settled(x / _MICRO + behind, full / _MICRO + behind, nonce))
        return found

    def _told(self, one: Owed, ahead: float) -> list[Arg]:
        """Return what the script is told of one of them."""
        if one.ends:
            left = max(1, ceil((one.ends - self._wall()) * 1000))
            count = one.known[1] if one.told is None else one.told[1]
            return [b"least" if one.told is None else b"counted", round(count), 0, 0, left]
        if one.told is None:
            begun, full = one.known
            if full == -inf:
                return [b"look", 0, 0, 0, 0]
            return [b"known", 0, 0, _micro(begun + ahead), _micro(full + ahead)]
        first, spent, begun, full = one.told
        if spent <= 0.0:
            return [b"look", 0, 0, 0, 0]
        return [
            b"spent",
            _micro(first + ahead),
            round(spent * _MICRO),
            _micro(begun + ahead),
            _micro(full + ahead),
        ]

    async def _compare(self) -> float:
        """Return how far its clock is ahead of ours, at least."""
        (reply,) = await self._run(_CLOCK, [_TAG + b"clock"], [], _IN_THE_BACKGROUND)
        self._ahead = _number(reply) / _MICRO - self._monotonic()
        return self._ahead

    # What operators ask

    async def look(self, one: Owed) -> Settled:
        """Return what all have spent of a bucket."""
        await self._ready()
        (found,) = await self.settle([one])
        return found

    async def reset(self, one: Owed, nonce: bytes) -> None:
        """Have a bucket full again, wherever it is known."""
        await self._ready()
        left = 0 if not one.ends else max(1, ceil((one.ends - self._wall()) * 1000))
        key = self._key(one)
        await self._run(_RESET, [key], [nonce, left], _IN_THE_BACKGROUND)

    async def _ready(self) -> None:
        """Wait for a connection that has just begun to be made; Away if that takes too long."""
        client = self._client()
        if client is not None:
            try:
                await client.ready(_IN_THE_BACKGROUND)
            except Unavailable as error:
                raise Away(error.reason, may_be_done=False) from error

    # In between

    def _key(self, one: Asked | Owed) -> bytes:
        """Return where a bucket is kept: one of another depth is another.

        What is spent of it is told in seconds, which mean nothing by other figures.
        """
        name = _TAG + name_of(one.id, one.key)
        return b"%s:%d" % (name, one.window if one.ends else round(one.depth * _MICRO))

    async def _run(
        self, script: Script, keys: Sequence[bytes], args: Sequence[Arg], patience: float
    ) -> list[Reply]:
        client = self._client()
        if client is None:
            raise Away("there is no store for state", may_be_done=False)
        try:
            reply = await client.eval(script, keys, args, timeout=patience)
        except Unavailable as error:
            self._ahead = None
            maybe = error.may_be_done or isinstance(error, Timeout)
            raise Away(error.reason, may_be_done=maybe) from error
        except Refused as error:
            raise Away(error.code, may_be_done=False) from error
        return reply if isinstance(reply, list) else [reply]


_CLOCK: Final = Script(_BEGIN + "return {text(now)}\n")


def _micro(seconds: float) -> int:
    """Return a time as the script has it: none is before the epoch."""
    return max(0, round(seconds * _MICRO))


def _bytes(reply: Reply) -> bytes:
    assert isinstance(reply, bytes)  # see the scripts
    return reply


def _number(reply: Reply) -> int:
    return int(_bytes(reply))
