"""Letters of the guard, by way of the inboxes of the hub, in the node's store."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from tta_gateway.features.escalation.realtime_channel import KIND
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.inbox import Letter, Outcome
from tta_gateway.features.realtime.publication import Publication
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.tasks import cause_of
from tta_gateway.support.valkey.client import Valkey

_KEPT: Final = 24 * 3600.0  # seconds
_WAITS: Final = (Outcome.NEW, Outcome.REPEATED)


class CrisisPost:
    """A Post (features/escalation/realtime_channel.py)."""

    def __init__(
        self,
        client: Callable[[], Valkey | None],
        *,
        wall: Callable[[], float],
        vault: Callable[[], Vault | None],
    ) -> None:
        """Post by whatever client there is by then, sealed as all letters are."""
        self._inbox = ValkeyInbox(client, wall=wall)
        self._inbox.vault = vault
        self._wall = wall

    async def post(self, users: Sequence[str], data: bytes, *, id: str) -> bool:
        """Post a letter to each, once for an id; True if it waits for one of them at least."""
        now = self._wall()
        publication = Publication(data, tags={"kind": KIND}, time=int(now * 1000))
        letter = Letter(id, publication, int((now + _KEPT) * 1000))
        try:
            async with asyncio.TaskGroup() as group:
                work = [group.create_task(self._inbox.post(one, letter)) for one in users]
        except ExceptionGroup as error:
            raise _worded(cause_of(error)) from None
        return any(one.result().outcome in _WAITS for one in work)

    async def is_acknowledged(self, users: Sequence[str], id: str) -> bool:
        """Tell whether one of them has acknowledged it."""
        try:
            return any([await self._inbox.is_acknowledged(user, id) for user in users])
        except Away as error:
            raise _worded(error) from None


def _worded(error: Exception) -> Exception:
    return OSError(str(error)) if isinstance(error, Away) else error
