"""The post office: letters as services ask for them, by what the configuration says of inboxes."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from tta_gateway.features.realtime.bound import InboxBound
from tta_gateway.features.realtime.inbox import Posted
from tta_gateway.features.realtime.mail import Mail
from tta_gateway.features.realtime.publication import Publication

_CLOSED: Final = InboxBound()


class PostOffice:
    """Posts letters, where there are inboxes (the port Post of server_api.py)."""

    def __init__(self, mail: Mail, inbox: Callable[[], InboxBound | None]) -> None:
        """Go by what holds for inboxes at the moment; None: there are none."""
        self._mail: Final = mail
        self._inbox: Final = inbox

    def is_open(self) -> bool:
        """Return whether there are inboxes."""
        return self._inbox() is not None

    async def copy(
        self,
        channel: str,
        publication: Publication,
        *,
        durable: bool,
        key: str = "",
        to: Collection[str] = (),
    ) -> Sequence[Posted]:
        """Post what was published, if its channel asks for receipts."""
        return await self._mail.copy(channel, publication, durable=durable, key=key, to=to)

    async def post(
        self, users: Sequence[str], publication: Publication, *, id: str, seconds: float | None
    ) -> tuple[str, Sequence[Posted]]:
        """Post a letter to each of these; return its id, and what has become of it."""
        bound = self._inbox() or _CLOSED
        name = id or self._mail.name()
        posted = await self._mail.post(
            users,
            publication,
            id=name,
            seconds=bound.seconds if seconds is None else seconds,
            durable=bound.durable,
        )
        return name, posted
