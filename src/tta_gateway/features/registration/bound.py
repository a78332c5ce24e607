"""Who may register what, as control needs it."""

import msgspec

from tta_gateway.kernel.route import Route


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody may claim: services, and prefixes of the paths of routes.

    `auth_none` says that anybody may be let in there, `safety` that they may subscribe to events
    about people in need.
    """

    services: tuple[str, ...]
    routes: tuple[str, ...] = ()
    auth_none: bool = False
    safety: bool = False


class Token(Claim, frozen=True, kw_only=True):
    """What whoever shows a token may claim; it is known by its digest (SHA-256)."""

    digest: bytes


class Caller(Claim, frozen=True, kw_only=True):
    """What a service may claim that shows a certificate with this SPIFFE id."""

    id: str


class RegistrationBound(msgspec.Struct, frozen=True, kw_only=True):
    """All who may register.

    `likes` are what routes are like that services declare, but for their paths; `safety` is with
    what notices are signed for services that may subscribe to events about people in need.
    """

    tokens: tuple[Token, ...] = ()
    callers: tuple[Caller, ...] = ()
    likes: dict[str, Route] = {}
    safety: dict[str, str] = {}

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Return what there is to claim, whoever does."""
        return (*self.tokens, *self.callers)
