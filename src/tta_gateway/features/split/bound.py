"""What a worker needs to split a route's requests."""

import msgspec

from tta_gateway.kernel.route import Key


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """The field that leads to a service of its own; with `value`, it must have that value."""

    header: str
    value: str | None = None
    service: str


class SplitBound(msgspec.Struct, frozen=True, kw_only=True):
    """Services with their weights; none where all but the canary's go to the route's service."""

    parts: tuple[tuple[str, int], ...] = ()
    sticky: Key | None = None
    canary: Canary | None = None
