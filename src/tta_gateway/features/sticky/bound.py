"""What a worker needs to know what sticks, on one route."""

import msgspec

from tta_gateway.kernel.route import Key


class StickyBound(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of those of the route's services that have one, by name."""

    keys: dict[str, Key] = {}
