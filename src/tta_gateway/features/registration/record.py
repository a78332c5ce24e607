"""A registration, as it stands in the store and as control knows it."""

import msgspec

from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Endpoint

SHORTEST = 5.0
"""Seconds: no lease is shorter."""
LONGEST = 300.0
"""Seconds: none is longer."""
USUAL = 15.0
"""Seconds, where nobody says."""
MOST_OF_SERVICE = 1000
"""Instances of a service: each costs every worker of every node something."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Events that a service is told of, by POST at a path of its own."""

    events: str
    path: str


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """An instance of a service, for so many seconds from when it was said last.

    `since` is when it was said first, in seconds since the epoch.
    """

    service: str
    id: str
    endpoint: Endpoint
    lease: float = USUAL
    draining: bool = False
    routes: tuple[Declared, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    since: float

    @property
    def name(self) -> str:
        """Return what tells it apart from all others."""
        return f"{self.service}/{self.id}"


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """Registrations of a service, as a live section: what the next control begins with."""

    known: tuple[Registration, ...]


SECTION = "registration/known"
"""Begins the names of these sections; a gateway before this one had all registrations in one."""


def section(service: str) -> str:
    """Return the name of the section that holds a service's registrations."""
    return f"{SECTION}/{service}"


def is_section(name: str) -> bool:
    """Tell whether a live section holds registrations."""
    return name == SECTION or name.startswith(f"{SECTION}/")
