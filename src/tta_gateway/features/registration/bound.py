"""Who may register what, as control needs it."""

import msgspec

from tta_gateway.kernel.route import Maintenance


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token, by its digest (SHA-256), and what it may claim.

    `routes` are prefixes of paths; `auth_none` says that anybody may be let in there.
    """

    digest: bytes
    services: tuple[str, ...]
    routes: tuple[str, ...] = ()
    auth_none: bool = False


class RegistrationBound(msgspec.Struct, frozen=True, kw_only=True):
    """All tokens; `maintenance` are the services that are being looked after."""

    tokens: tuple[Token, ...] = ()
    maintenance: dict[str, Maintenance] = {}
