"""An answer to a command: at once where all is known, or as soon as it is."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from tta_gateway.features.realtime.codes import Refused
from tta_gateway.features.realtime.doorkeeper import Allowed, Verdict
from tta_gateway.features.realtime.session import Session

T = TypeVar("T")
Waiting: TypeAlias = Awaitable[None] | None
"""what is still to be waited for, if anything"""


def when(asked: T | Awaitable[T], then: Callable[[T], Waiting]) -> Waiting:
    """Go on with an answer at once, or as soon as it is there."""
    if isinstance(asked, Awaitable):
        return _later(asked, then)
    return then(asked)


async def _later(asked: Awaitable[T], then: Callable[[T], Waiting]) -> None:
    more = then(await asked)
    if more is not None:
        await more


def if_allowed(session: Session, then: Callable[[], Waiting], allowed: Allowed) -> Waiting:
    if allowed is None:
        return then()
    turn_away(session, allowed)
    return None


def turn_away(session: Session, why: Verdict) -> None:
    if isinstance(why, Refused):
        session.refuse(why)
    else:
        session.close(why)
