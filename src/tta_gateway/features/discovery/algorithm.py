"""Arithmetic of discovery: when to ask again, when to tell, and what of several answers stands."""

from collections.abc import Iterable
from typing import Final

import msgspec

from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.standing import Instance

_FIRST: Final = 0.5  # seconds after a failure
_LONGEST: Final = 30.0
LEAST_TTL: Final = 1.0
MOST_TTL: Final = 300.0
_NO_TTL: Final = 5.0  # seconds, at most, for what may not be kept at all
_HEAVIEST: Final = 1000  # what an endpoint may weigh


def pause(failures: int, chance: float) -> float:
    """Return how long to wait after so many failures in a row; chance in [0, 1) spreads it."""
    longest = min(_LONGEST, _FIRST * 2.0 ** min(max(failures - 1, 0), 10))
    return longest * (0.5 + 0.5 * chance)


def refresh(ttl: float, chance: float) -> float:
    """Return after how long to ask again for what may be kept so long.

    A little sooner, each time by another share, so that not everybody asks at once.
    """
    if ttl <= 0.0:
        return LEAST_TTL + (_NO_TTL - LEAST_TTL) * chance
    kept = min(max(ttl, LEAST_TTL), MOST_TTL)
    return max(LEAST_TTL, kept * (1.0 - 0.1 * chance))


def merged(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    """Return each endpoint once, in an order that tells nothing; who drains gives way.

    What several declare for one endpoint, it declares.
    """
    found: dict[str, Instance] = {}
    routes: dict[str, set[Declared]] = {}
    for one in instances:
        name = one.endpoint.name
        other = found.get(name)
        if other is None or (other.draining, other.id) > (one.draining, one.id):
            found[name] = one
        if one.routes:
            routes.setdefault(name, set()).update(one.routes)
    return tuple(_with(found[name], routes.get(name)) for name in sorted(found))


def _with(one: Instance, routes: set[Declared] | None) -> Instance:
    if routes is None or len(one.routes) == len(routes):
        return one
    order = sorted(routes, key=lambda declared: (declared.path, declared.methods, declared.auth))
    return msgspec.structs.replace(one, routes=tuple(order))


def preferred(records: Iterable[tuple[int, int]]) -> list[int]:
    """Return the weight of each record of priority and weight; 0: it is not to be asked.

    Of several priorities the lowest number alone is asked (RFC 2782).  Weights become such as
    endpoints have, 1 to 1000.
    """
    known = list(records)
    first = min((priority for priority, _ in known), default=0)
    heaviest = max((weight for priority, weight in known if priority == first), default=0)
    scale = min(1.0, _HEAVIEST / heaviest) if heaviest else 1.0
    return [max(1, round(weight * scale)) if priority == first else 0 for priority, weight in known]


class Debounce:
    """When to tell what changes: once it has been quiet for a moment, and never much later."""

    def __init__(self, *, quiet: float, latest: float) -> None:
        """Tell after `quiet` seconds without a change, `latest` after the first at the latest."""
        self._quiet = quiet
        self._latest = latest
        self._first: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def put(self, key: str, now: float) -> None:
        """Take note of a change."""
        first = self._first.setdefault(key, now)
        self._due[key] = min(now + self._quiet, first + self._latest)

    def drop(self, key: str) -> None:
        """Forget a change: there is nothing to tell any more."""
        self._first.pop(key, None)
        self._due.pop(key, None)

    def next(self) -> float | None:
        """Return when there is something to tell."""
        return min(self._due.values(), default=None)

    def due(self, now: float) -> list[str]:
        """Return what is to be told now."""
        found = [key for key, at in self._due.items() if at <= now]
        for key in found:
            self.drop(key)
        return found
