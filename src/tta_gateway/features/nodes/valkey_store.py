"""Leases of nodes in Valkey, by its clock; what is here is in the Lua of Redis 7.0.

All keys share a slot, so that each operation is one script on one server.  `meta` counts versions
and the numbers of leases (fencing: each is higher than all before it), and says since when the
store remembers: one that was emptied does not know who held a lease a moment ago.
"""

import uuid
from collections.abc import Callable
from typing import Final

from tta_gateway.features.nodes.algorithm import LEASE, Seen
from tta_gateway.features.nodes.store import Away, Standing
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import Arg, Reply
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.script import Script

_TAG: Final = b"{tta:nodes}:"
_KEYS: Final = tuple(_TAG + name for name in (b"leases", b"numbers", b"acks", b"meta", b"topics"))
CHANNEL: Final = _TAG + b"news"
"""Where it is said that something was told; who hears it looks sooner than it would."""
_TIMEOUT: Final = 0.3  # seconds: less than from one renewal to the next
_MILLISECONDS: Final = 1000
_BEGIN: Final = """
local leases, numbers, acks, meta, topics = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HSETNX', meta, 'epoch', ARGV[1]) == 1 then
  redis.call('HSET', meta, 'born', now)
end
for _, one in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do
  redis.call('ZREM', leases, one)
  redis.call('HDEL', numbers, one)
  redis.call('HDEL', acks, one)
end
local function standing()
  local found = redis.call('HMGET', meta, 'epoch', 'born', 'version')
  local nodes = {}
  local held = redis.call('ZRANGE', leases, 0, -1, 'WITHSCORES')
  for i = 1, #held, 2 do
    local one = held[i]
    nodes[#nodes + 1] = one
    nodes[#nodes + 1] = redis.call('HGET', numbers, one)
    nodes[#nodes + 1] = redis.call('HGET', acks, one) or '0'
    nodes[#nodes + 1] = tostring(held[i + 1] - now)
  end
  return {
    found[1], tostring(now - found[2]), found[3] or '0', redis.call('HGETALL', topics), nodes
  }
end
"""
_RENEW: Final = Script(
    _BEGIN
    + """
local number = redis.call('HGET', numbers, ARGV[2])
if not number or number ~= ARGV[3] then
  number = tostring(redis.call('HINCRBY', meta, 'fence', 1))
  redis.call('HSET', numbers, ARGV[2], number)
  redis.call('HDEL', acks, ARGV[2])
end
redis.call('ZADD', leases, now + ARGV[4], ARGV[2])
return {number, standing()}
"""
)
_TELL: Final = Script(
    _BEGIN
    + """
local version = redis.call('HINCRBY', meta, 'version', 1)
redis.call('HSET', topics, ARGV[2], version)
redis.pcall('PUBLISH', ARGV[3], ARGV[2])
return standing()
"""
)
_ACKNOWLEDGE: Final = Script(
    _BEGIN
    + """
if redis.call('HGET', numbers, ARGV[2]) ~= ARGV[3] then return 0 end
local before = redis.call('HGET', acks, ARGV[2]) or '0'
if tonumber(ARGV[4]) > tonumber(before) then redis.call('HSET', acks, ARGV[2], ARGV[4]) end
return 1
"""
)
_STANDING: Final = Script(_BEGIN + "return standing()\n")


class ValkeyStore:
    """Asks the store for state."""

    def __init__(self, client: Callable[[], Valkey | None]) -> None:
        """Ask by way of this client; None: there is none at the moment."""
        self._client = client

    async def renew(self, node: str, number: int) -> tuple[int, Standing]:
        """Hold a lease from now on; return its number, another one if the one before has ended."""
        lease = round(LEASE * _MILLISECONDS)
        reply = await self._run(_RENEW, node.encode(), b"%d" % number, lease)
        assert isinstance(reply, list)  # see the script
        return _number(reply[0]), _standing(reply[1])

    async def tell(self, topic: str) -> Standing:
        """Say that something has changed in a topic; `version` is what is to be acknowledged."""
        return _standing(await self._run(_TELL, topic.encode(), CHANNEL))

    async def acknowledge(self, node: str, number: int, version: int) -> bool:
        """Say that all up to this version is taken up; False if that is not its lease any more."""
        reply = await self._run(_ACKNOWLEDGE, node.encode(), b"%d" % number, version)
        return reply == 1

    async def standing(self) -> Standing:
        """Return how it stands."""
        return _standing(await self._run(_STANDING))

    async def _run(self, script: Script, *args: Arg) -> Reply:
        client = self._client()
        if client is None:
            raise Away("there is no store for state yet")
        try:
            new = uuid.uuid4().hex.encode()
            return await client.eval(script, _KEYS, (new, *args), timeout=_TIMEOUT)
        except Unavailable as error:
            raise Away(error.reason) from error
        except Refused as error:
            raise Away(error.code) from error


def _standing(reply: Reply) -> Standing:
    assert isinstance(reply, list)  # see the scripts
    epoch, age, version, topics, nodes = reply
    assert isinstance(epoch, bytes)  # likewise
    assert isinstance(topics, list | dict)  # likewise: RESP3 has maps, Lua's tables are lists
    assert isinstance(nodes, list)  # likewise
    flat = topics if isinstance(topics, list) else [one for pair in topics.items() for one in pair]
    return Standing(
        epoch=epoch.decode(),
        age=_number(age) / _MILLISECONDS,
        version=_number(version),
        topics={_text(flat[at]): _number(flat[at + 1]) for at in range(0, len(flat), 2)},
        nodes=[
            Seen(
                _text(nodes[at]),
                number=_number(nodes[at + 1]),
                acknowledged=_number(nodes[at + 2]),
                left=_number(nodes[at + 3]) / _MILLISECONDS,
            )
            for at in range(0, len(nodes), 4)
        ],
    )


def _text(reply: Reply) -> str:
    assert isinstance(reply, bytes)  # likewise
    return reply.decode()


def _number(reply: Reply) -> int:
    return int(float(_text(reply)))
