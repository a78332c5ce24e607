"""Hearings: what clients say is listened to once and ahead of its turn, carried out or not."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from tta_gateway.features.realtime.command import Command
from tta_gateway.features.realtime.ear import Ear, Noticed, said_by
from tta_gateway.features.realtime.session import Session
from tta_gateway.support.tasks import spawn


class Hearings:
    """Has one ear listen to the commands of any session."""

    def __init__(self, ear: Ear, now: Callable[[], float]) -> None:
        """Take who listens."""
        self._ear: Final = ear
        self._now: Final = now

    def ahead(self, session: Session, until: float) -> bool:
        """Listen to commands that wait: help does not; False: the time is up, and some are left."""
        for command in session.unheard():
            hearing = self._hear(session, command)
            if isinstance(hearing, Awaitable):
                hearing = _begun(hearing)
            session.hearings[id(command)] = hearing
            if self._now() >= until:
                return False
        return True

    def undone(self, session: Session) -> Coroutine[Any, Any, None] | None:
        """Listen to what was not carried out; return how it is kept, if anybody may need help.

        It is listened to at once: soon nobody knows a client that has left.
        """
        left, session.left = session.left, []
        found = [one for one in (self.of(session, each) for each in left) if one is not None]
        return _kept_undone(found) if found else None

    def of(self, session: Session, command: Command) -> Noticed | Awaitable[Noticed | None] | None:
        """Return what is found in a command, once."""
        if id(command) in session.hearings:
            return session.hearings.pop(id(command))
        return self._hear(session, command)

    def _hear(
        self, session: Session, command: Command
    ) -> Noticed | Awaitable[Noticed | None] | None:
        channel, said = said_by(command.request)
        return self._ear.hear(session.client, channel, said) if said else None


def _begun(hearing: Awaitable[Noticed | None]) -> Awaitable[Noticed | None]:
    """Listen now, whoever waits for it later."""
    told: asyncio.Future[Noticed | None] = asyncio.get_running_loop().create_future()

    async def listened() -> None:
        try:
            found = await hearing
        except Exception as error:  # noqa: BLE001 - whoever waits for it hears of it
            if not told.done():
                told.set_exception(error)
        else:
            if not told.done():
                told.set_result(found)

    spawn(listened(), name="realtime hearing", died=_no_more)
    return told


def _no_more(name: str, error: BaseException) -> None:
    """Tell nobody twice."""


async def _kept_undone(found: Sequence[Noticed | Awaitable[Noticed | None]]) -> None:
    for one in found:
        noticed = await one if isinstance(one, Awaitable) else one
        if noticed is not None:
            await noticed.keep(delivered=False)
