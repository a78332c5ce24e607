"""Who may register what, as control needs it."""

import msgspec

from tta_gateway.kernel.route import Route


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token, by its digest (SHA-256), and what it may claim.

    `routes` are prefixes of paths; `auth_none` says that anybody may be let in there.
    """

    digest: bytes
    services: tuple[str, ...]
    routes: tuple[str, ...] = ()
    auth_none: bool = False


class RegistrationBound(msgspec.Struct, frozen=True, kw_only=True):
    """All tokens; `likes` are what routes are like that services declare, but for their paths."""

    tokens: tuple[Token, ...] = ()
    likes: dict[str, Route] = {}
