"""Registrations in Valkey: one hash of records, and beside it who expires when.

All keys share a slot, so that each operation is one script on one server.  Leases are counted with
the server's clock, in milliseconds; what is here is in the Lua of Redis 7.0.

Each change counts the version up, and the newest changes stand in a log by their versions: who
knows an earlier one is told what has changed since, as long as no change is missing in between.
Nodes of an older gateway write no log: behind one of theirs, all is told.
"""

import uuid
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tta_gateway.features.registration.record import Registration
from tta_gateway.features.registration.store import Away, Looked
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import Reply
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.script import Script

_TAG: Final = b"{tta:registration}:"
_RECORDS, _LEASES, _NODES, _VOTES, _META, _LOG = (
    _TAG + name for name in (b"records", b"leases", b"nodes", b"votes", b"meta", b"log")
)
_KEYS: Final = (_RECORDS, _LEASES, _VOTES, _META, _LOG)
# Whoever looks learns of the end of a lease a look later: so it ends that much earlier.
SLACK: Final = 0.75
"""Seconds by which a lease is shorter in the store."""
_NODE: Final = 3000  # milliseconds without a look, after which a node is not waited for
_TIMEOUT: Final = 1.0  # seconds
LOGGED: Final = 1000
"""Changes of which it is known what has changed."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Registration).decode

_CHANGED: Final = f"""
local function changed(name)
  local version = redis.call('HINCRBY', KEYS[4], 'version', 1)
  redis.call('ZADD', KEYS[5], version, version .. ' ' .. name)
  redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -{LOGGED + 1})
end
"""
_PUT: Final = Script(
    _CHANGED
    + """
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
redis.call('ZADD', KEYS[2], ends, ARGV[1])
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[3] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  changed(ARGV[1])
end
if ARGV[4] == '1' then
  redis.call('HSETNX', KEYS[3], ARGV[1], '')
else
  redis.call('HDEL', KEYS[3], ARGV[1])
end
return 1
"""
)
_DROP: Final = Script(
    _CHANGED
    + """
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then
  changed(ARGV[1])
end
return 1
"""
)
# ARGV: this node, how long it counts, the name of a new store, the epoch and the version that are
# known, and the draining instances that are idle here.
_LOOK: Final = Script(
    _CHANGED
    + """
local records, leases, votes, meta, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local nodes = KEYS[6]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', meta, 'epoch', ARGV[3])
redis.call('ZADD', nodes, now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', nodes, '-inf', now)
local alive = redis.call('ZRANGE', nodes, 0, -1)
local gone = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 1000)
for i = 6, #ARGV do
  local said = redis.call('HGET', votes, ARGV[i])
  if said then
    if not string.find(said, ARGV[1], 1, true) then
      said = said .. ARGV[1] .. ','
      redis.call('HSET', votes, ARGV[i], said)
    end
    local all = true
    for _, node in ipairs(alive) do
      all = all and string.find(said, node, 1, true) ~= nil
    end
    if all then gone[#gone + 1] = ARGV[i] end
  end
end
for _, name in ipairs(gone) do
  redis.call('ZREM', leases, name)
  redis.call('HDEL', records, name)
  redis.call('HDEL', votes, name)
  changed(name)
end
local epoch = redis.call('HGET', meta, 'epoch')
local version = redis.call('HGET', meta, 'version') or '0'
if epoch == ARGV[4] then
  local since = tonumber(version) - tonumber(ARGV[5])
  if since == 0 then return {epoch, version} end
  local told = redis.call('ZRANGEBYSCORE', log, '(' .. ARGV[5], version)
  if #told == since then
    local names, seen = {}, {}
    for _, one in ipairs(told) do
      local name = string.match(one, '^%d+ (.*)$')
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
    return {epoch, version, names, redis.call('HMGET', records, unpack(names))}
  end
end
return {epoch, version, redis.call('HVALS', records)}
"""
)


class ValkeyStore:
    """Asks the store for state."""

    def __init__(self, client: Callable[[], Valkey | None]) -> None:
        """Ask by way of this client; None: there is none at the moment."""
        self._client = client

    async def put(self, one: Registration) -> None:
        """Keep a registration for its lease, from now."""
        lease = round((one.lease - SLACK) * 1000)
        args = (one.name.encode(), max(lease, 1), _encode(one), b"1" if one.draining else b"0")
        await self._run(_PUT, _KEYS, args)

    async def drop(self, name: str) -> None:
        """Forget a registration."""
        await self._run(_DROP, _KEYS, (name.encode(),))

    async def read(self, name: str) -> Registration | None:
        """Return a registration, by the names of service and instance."""
        try:
            reply = await self._valkey().command(b"HGET", _RECORDS, name.encode(), timeout=_TIMEOUT)
        except (Unavailable, Refused) as error:
            raise _away(error) from error
        return _decode(reply) if isinstance(reply, bytes) else None

    async def look(self, known: Looked | None, *, node: str, idle: Iterable[str]) -> Looked:
        """Return what there is, or what of it is not what is known."""
        before = ("", b"") if known is None else (known.epoch, b"%d" % known.version)
        new = uuid.uuid4().hex
        args = (node.encode(), _NODE, new.encode(), before[0].encode(), before[1])
        names = tuple(name.encode() for name in idle)
        reply = await self._run(_LOOK, (*_KEYS, _NODES), (*args, *names))
        return _looked(reply)

    async def _run(
        self, script: Script, keys: tuple[bytes, ...], args: tuple[bytes | int, ...]
    ) -> Reply:
        try:
            return await self._valkey().eval(script, keys, args, timeout=_TIMEOUT)
        except (Unavailable, Refused) as error:
            raise _away(error) from error

    def _valkey(self) -> Valkey:
        client = self._client()
        if client is None:
            raise Unavailable("there is no store for state yet")
        return client


def _away(error: Unavailable | Refused) -> Away:
    return Away(error.reason if isinstance(error, Unavailable) else error.code)


def _looked(reply: Reply) -> Looked:
    """Read an answer; records of another version of the gateway are let be."""
    assert isinstance(reply, list)  # see _LOOK
    epoch, version, *rest = reply
    assert isinstance(epoch, bytes)  # likewise
    assert isinstance(version, bytes)  # likewise
    values = [_read(value) for value in _list(rest[-1])] if rest else []
    if len(rest) == 1:
        found = tuple(one for one in values if one is not None)
        return Looked(epoch.decode(), int(version), found)
    names = [name.decode() for name in _list(rest[0]) if isinstance(name, bytes)] if rest else []
    changed = dict(zip(names, values, strict=True))
    return Looked(epoch.decode(), int(version), None, changed)


def _list(reply: Reply) -> list[Reply]:
    assert isinstance(reply, list)  # likewise
    return reply


def _read(value: Reply) -> Registration | None:
    if not isinstance(value, bytes):
        return None
    try:
        return _decode(value)
    except msgspec.DecodeError:
        return None
