"""The port of the store that all nodes share."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from tta_gateway.features.registration.record import Registration

NOTHING: Final[Mapping[str, Registration | None]] = {}


class Away(Exception):
    """The store cannot be asked; why is in its text."""


class Looked:
    """What a look at the store has shown: which store and version it is, and what is there.

    `found` are all registrations; None where `changed` says what has become since the version that
    was known of those that are not as they were: by name, None of those that are gone.
    """

    __slots__ = ("changed", "epoch", "found", "version")

    def __init__(
        self,
        epoch: str,
        version: int,
        found: tuple[Registration, ...] | None,
        changed: Mapping[str, Registration | None] = NOTHING,
    ) -> None:
        """Keep it."""
        self.epoch = epoch
        self.version = version
        self.found = found
        self.changed = changed


class RegistrationStore(Protocol):
    """Holds registrations for as long as their leases, which it counts with its own clock.

    Every operation is atomic, and raises Away if there is no answer.
    """

    async def put(self, one: Registration) -> None:
        """Keep a registration for its lease, from now."""

    async def read(self, name: str) -> Registration | None:
        """Return a registration, by the names of service and instance."""

    async def look(self, known: Looked | None, *, node: str, idle: Iterable[str]) -> Looked:
        """Return what there is, or what of it is not what is known.

        Leases that have run out end here.  `idle` are draining instances of which this node sees
        nothing under way: one that all nodes have said so of is gone.
        """

    async def drop(self, name: str) -> None:
        """Forget a registration."""
