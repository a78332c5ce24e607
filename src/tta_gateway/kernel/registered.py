"""Registered routes: those that services declare themselves, as control tells every worker."""

from typing import Final, Literal

import msgspec

from tta_gateway.kernel.route import Route

SECTION: Final = "routes/registered"
"""The name of the live section that holds them."""
REGISTRATION: Final = "registration"
"""What operators call the source of those who register at the gateway itself."""


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A route that an instance declares; no methods: all of them.

    `fault` is what is wrong with how it is written, where `path` is only what could be read of it.
    """

    path: str
    methods: tuple[str, ...] = ()
    auth: Literal["required", "optional", "none"] = "required"
    fault: str = ""

    @property
    def name(self) -> str:
        """Return what logs and metrics call it."""
        return f"{','.join(self.methods)} {self.path}".strip()


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """What may be declared: below these prefixes, and, with `auth_none`, for everybody.

    `believed`: some access tokens are, so that a route may ask for one.
    """

    routes: tuple[str, ...] = ()
    auth_none: bool = False
    believed: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance of a service declares, and who told of it.

    `since` is when it was said first, 0.0 where nobody knows.  `allowed` is what may be
    declared; None: anything.
    """

    source: str
    service: str
    id: str
    since: float
    routes: tuple[Declared, ...]
    allowed: Allowed | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A route that is declared and not taken, and why."""

    source: str
    service: str
    route: str
    reason: str


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, in order; none takes what a route of the operator takes."""

    routes: tuple[Route, ...]
