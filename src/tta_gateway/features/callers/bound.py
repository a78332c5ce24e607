"""What a worker needs to know services by their certificates."""

import msgspec


class CallersBound(msgspec.Struct, frozen=True, kw_only=True):
    """The services that are known, by their SPIFFE ids, each with its roles.

    `withdrawn` are certificates that count no more: serial numbers and fingerprints.
    """

    services: dict[str, tuple[str, ...]] = {}
    withdrawn: tuple[str, ...] = ()


class RouteCallers(msgspec.Struct, frozen=True, kw_only=True):
    """Which services may call a route.

    `optional`: whoever shows none is let through, and what is behind the route decides.
    """

    ids: tuple[str, ...] = ()
    optional: bool = False
