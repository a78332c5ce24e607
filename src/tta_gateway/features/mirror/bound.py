"""What a worker needs to mirror a route's requests."""

import msgspec


class MirrorBound(msgspec.Struct, frozen=True, kw_only=True):
    """The shadow service, the share of requests, and how many are under way in a worker at most."""

    service: str
    share: float = 1.0
    in_flight: int = 32
