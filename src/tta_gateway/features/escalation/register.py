"""Where incidents of all nodes are kept, so that they outlive a node's disk: the port."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from tta_gateway.features.escalation.bound import (
    Act,
    Bundle,
    Incident,
    Other,
    Outgoing,
    Sent,
    Yielded,
)
from tta_gateway.kernel.incident import Report


class Away(Exception):
    """It cannot be asked, or has not done what it was asked for."""


class OtherKeys(Away):
    """What stands there is sealed with other keys than this node has."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a node hears in return (bound.py, Settled); `number` says how much it has seen."""

    number: int
    yielded: Sequence[Yielded] = ()
    bundles: Sequence[Bundle] = ()
    reports: Sequence[Report] = ()
    acts: Sequence[Act] = ()
    others: Sequence[Other] = ()
    lost: Sequence[str] = ()


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """An incident, by which node it is looked after, and the newest of what belongs to it."""

    incident: Incident
    node: str
    reports: Sequence[Report] = ()
    notices: Sequence[Sent] = ()
    acts: Sequence[Act] = ()


class Register(Protocol):
    """Each call is one step, and is done whole or not at all.  Away."""

    async def carry(self, said: Outgoing, *, seen: int) -> Heard:
        """Keep what a node says, renew its lease, and take over for it what nobody looks after."""

    async def page(self, most: int, *, all: bool, skip: int) -> Sequence[Incident]:
        """Return incidents of all nodes in the order of sqlite_store.py's `incidents`."""

    async def one(self, id: str, most: int) -> Whole | None:
        """Return an incident, the whole if this is a part of one; None if there is none."""

    async def erase(self, person: str, *, id: str, at: float) -> None:
        """Make unreadable what is kept of a person, once for each id; what is open goes on."""

    async def tidy(self, keep: float) -> Mapping[str, int]:
        """Delete some of what has been over for so many seconds; return how many of what."""

    async def act(self, act: Act, node: str) -> Incident | None:
        """Keep what somebody has done about an incident that some node has, which hears of it.

        Impossible (algorithm.py).
        """
