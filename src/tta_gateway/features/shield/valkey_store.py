"""Blocks of all nodes in Valkey, each with its end by the store's own clock."""

from collections.abc import Callable
from ipaddress import ip_network
from typing import Final

import msgspec

from tta_gateway.features.shield.bound import Block
from tta_gateway.features.shield.store import Away
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import Arg, Reply
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.script import Script

_TAG: Final = b"{tta:shield}:"
_KEYS: Final = tuple(_TAG + name for name in (b"ends", b"blocks", b"lifted"))
_TIMEOUT: Final = 0.3  # seconds
_MILLISECONDS: Final = 1000
_MOST: Final = 2000
_LIFTED: Final = 60  # seconds that it is remembered who has been let in
_BEGIN: Final = """
local ends, blocks, lifted = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
_SHARE: Final = Script(
    _BEGIN
    + """
for at = 1, #ARGV, 3 do
  local source, lasts, block = ARGV[at], now + ARGV[at + 1], ARGV[at + 2]
  local before = redis.call('ZSCORE', ends, source)
  if not before or tonumber(before) < lasts then
    redis.call('ZADD', ends, lasts, source)
    redis.call('HSET', blocks, source, block)
  end
end
return 1
"""
)
_LIFT: Final = Script(
    _BEGIN
    + """
redis.call('ZREM', ends, ARGV[1])
redis.call('HDEL', blocks, ARGV[1])
redis.call('ZADD', lifted, now, ARGV[1])
return 1
"""
)
_TAKEN: Final = Script(
    _BEGIN
    + """
for _, one in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', ends, one)
  redis.call('HDEL', blocks, one)
end
redis.call('ZREMRANGEBYSCORE', lifted, '-inf', now - ARGV[2] * 1000)
local found = {}
local held = redis.call('ZREVRANGE', ends, 0, ARGV[1] - 1, 'WITHSCORES')
for at = 1, #held, 2 do
  local block = redis.call('HGET', blocks, held[at])
  if block then
    found[#found + 1] = block
    found[#found + 1] = tostring(held[at + 1] - now)
  end
end
local out = {}
local let = redis.call('ZRANGE', lifted, 0, ARGV[1] - 1, 'WITHSCORES')
for at = 1, #let, 2 do
  out[#out + 1] = let[at]
  out[#out + 1] = tostring(now - let[at + 1])
end
return {found, out}
"""
)
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Block).decode


class ValkeyStore:
    """Asks the store for state."""

    def __init__(self, client: Callable[[], Valkey | None]) -> None:
        """Ask by way of this client; None: there is none at the moment."""
        self._client = client

    async def share(self, blocks: list[Block], now: float) -> None:
        """Have all nodes keep these out as long as they last."""
        args: list[Arg] = []
        for one in blocks:
            lasts = round((one.until - now) * _MILLISECONDS)
            if lasts > 0:
                args += [one.source.encode(), lasts, _encode(one)]
        if args:
            await self._run(_SHARE, *args)

    async def lift(self, source: str, now: float) -> None:  # noqa: ARG002 - its clock is its own
        """Have all nodes let it in."""
        await self._run(_LIFT, source.encode())

    async def taken(self, now: float) -> tuple[list[Block], dict[str, float]]:
        """Return those that last, and who has been let in lately, by this node's clock."""
        reply = await self._run(_TAKEN, _MOST, _LIFTED)
        assert isinstance(reply, list)  # see the script
        held, let = reply
        assert isinstance(held, list)  # likewise
        assert isinstance(let, list)  # likewise
        blocks = []
        for at in range(0, len(held), 2):
            try:
                block = _decode(_bytes(held[at]))
                ip_network(block.source)
            except (msgspec.DecodeError, ValueError):
                continue  # of a node of another version
            until = now + float(_bytes(held[at + 1])) / _MILLISECONDS
            blocks.append(msgspec.structs.replace(block, until=until))
        lifted = {
            _bytes(let[at]).decode(): now - float(_bytes(let[at + 1])) / _MILLISECONDS
            for at in range(0, len(let), 2)
        }
        return blocks, lifted

    async def _run(self, script: Script, *args: Arg) -> Reply:
        client = self._client()
        if client is None:
            raise Away("there is no store for state yet")
        try:
            return await client.eval(script, _KEYS, args, timeout=_TIMEOUT)
        except Unavailable as error:
            raise Away(error.reason) from error
        except Refused as error:
            raise Away(error.code) from error


def _bytes(reply: Reply) -> bytes:
    assert isinstance(reply, bytes)  # see the scripts
    return reply
