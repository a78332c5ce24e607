"""Forgetting: what the store for state keeps of a person is deleted once they are erased.

First the key is destroyed with which it is sealed (store_keys.py): no copy of the store can be read
from then on, and what they have said in channels that others share is not there either.

That is their inbox, with what has died in it; channels that are about them, by what the
configuration says of the owner or of letters; and tethers that have been put down.  It is done once
for all nodes that share the store, which keeps whether it was: a store that has gone back to what
it was before is rid of it again.  Who follows a channel hears that it begins anew.

Others may be writing there still, until their nodes have ended what is open of that person.  So it
is done again and again for some seconds, and only then for good.  Then the embedded server is told
to write its log anew; of one that the operator names that is the operator's to do.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tta_gateway.features.realtime.asking import Asking
from tta_gateway.features.realtime.bound import ChannelRule
from tta_gateway.features.realtime.broker import Archive, Away
from tta_gateway.features.realtime.inbox import Inbox
from tta_gateway.kernel.incident import NETWORK
from tta_gateway.node.channel_rules import personal
from tta_gateway.node.store_keys import NotErased
from tta_gateway.node.tether_nodes import erase_tethers
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.error import Unavailable

SETTLED: Final = 10.0
"""Seconds in which all nodes have ended what was open of somebody: they look every two."""
_DONE: Final = b"{tta:erasures}:done"
_CONNECTS: Final = 1.0  # seconds for a client that has just been made


class Done:
    """Which erasures the store has done, as it says itself."""

    def __init__(self, client: Callable[[], Valkey | None]) -> None:
        """Ask this one, whoever it is then."""
        self._client = client
        self._ask = Asking(client)

    async def has(self, id: str) -> bool:
        """Tell whether this one was done for good; Away."""
        client = self._client()
        if client is not None and not client.is_open:
            await self._connected(client)
        return await self._ask.command("HEXISTS", _DONE, id, key=_DONE) == 1

    async def add(self, id: str) -> None:
        """Keep that this one is done for good; Away."""
        await self._ask.command("HSET", _DONE, id, b"1", key=_DONE)

    async def rewrite(self) -> None:
        """Have the server write its log anew, without what has been deleted; Away.

        While it is at it already it refuses: what was begun before may hold it.
        """
        await self._ask.command("BGREWRITEAOF", key=_DONE)

    async def _connected(self, client: Valkey) -> None:
        """Wait a moment; who asks then hears why it cannot be asked."""
        try:
            await client.ready(_CONNECTS)
        except Unavailable:
            return


class Keys(Protocol):
    """Who keeps the keys with which content is sealed there."""

    async def erase(self, subject: str, *, id: str) -> None:
        """Destroy the key of a person, once for all nodes; NotErased."""
        ...


class Forgetting:
    """Deletes it, in the order of those who ask."""

    def __init__(  # noqa: PLR0913 - where it meets control, each by its name
        self,
        done: Done,
        keys: Keys,
        inbox: Inbox,
        archive: Archive,
        *,
        rules: Callable[[], Sequence[ChannelRule]],
        has_store: Callable[[], bool],
        is_own: Callable[[], bool],
        monotonic: Callable[[], float],
    ) -> None:
        """Delete there, by the rules of channels that are in force.

        `is_own` tells whether the server is the node's, whose log nobody else looks after.
        """
        self._done = done
        self._keys = keys
        self._inbox = inbox
        self._archive = archive
        self._rules = rules
        self._has_store = has_store
        self._is_own = is_own
        self._monotonic = monotonic
        self._since: dict[str, float] = {}

    async def forget(self, person: str, *, id: str) -> bool:
        """Delete what is there; tell whether that is so for good, or ask again soon.  Away."""
        issuer, _, subject = person.partition("/")
        if issuer == NETWORK or not self._has_store() or await self._done.has(id):
            self._since.pop(id, None)
            return True
        since = self._since.get(id)
        is_last = since is not None and self._monotonic() >= since + SETTLED
        try:
            await self._keys.erase(subject, id=id)
        except NotErased as error:
            raise Away(str(error), may_be_done=False) from error
        await self._inbox.erase(subject)
        for channel in personal(self._rules(), subject):
            await self._archive.erase(channel)
        await erase_tethers(self._archive, person, is_last=is_last)
        if not is_last:
            self._since.setdefault(id, self._monotonic())
            return False
        if self._is_own():
            await self._done.rewrite()
        await self._done.add(id)
        self._since.pop(id, None)
        return True
