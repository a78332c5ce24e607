"""Dependencies: what becomes of services whose dependencies are unhealthy.  Pure.

A service is unhealthy if none of its endpoints is up, or if a service is that it cannot do without;
the same holds for that one.  It is degraded if it does without something, or if one that it cannot
do without is: what is missing has the same name for all above it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tta_gateway.features.health.bound import Need
from tta_gateway.kernel.events import ServiceState

Needs = Mapping[str, tuple[Need, ...]]


class Verdict(NamedTuple):
    """How a service is: which hard dependencies are unhealthy, and which others it does without."""

    state: ServiceState
    down: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        """Return why it is so, in words."""
        if self.down:
            return f"needs {_named(self.down)}, which is unhealthy"
        if self.state == "unhealthy":
            return "none of its endpoints is up"
        return f"does without {_named(self.degraded)}" if self.degraded else ""


def verdicts(alive: Mapping[str, bool], needs: Needs) -> dict[str, Verdict]:
    """Return how each service is; `alive` tells of which an endpoint is up.

    What is not known is taken for healthy; the configuration has no cycles (settings/depends.py).
    """
    found: dict[str, Verdict] = {}
    for name in alive:
        _judge(name, alive, needs, found)
    return found


def _judge(
    name: str, alive: Mapping[str, bool], needs: Needs, found: dict[str, Verdict]
) -> Verdict:
    if name in found:
        return found[name]
    down: list[str] = []
    without: list[str] = []
    for need in needs.get(name, ()):
        verdict = _judge(need.service, alive, needs, found)
        if verdict.state == "unhealthy":
            (down if need.kind == "hard" else without).append(need.service)
        elif need.kind == "hard":
            without.extend(verdict.degraded)
    verdict = _verdict(tuple(down), tuple(dict.fromkeys(without)), alive=alive.get(name, True))
    found[name] = verdict
    return verdict


def _verdict(down: tuple[str, ...], without: tuple[str, ...], *, alive: bool) -> Verdict:
    if down or not alive:
        return Verdict("unhealthy", down, without)
    return Verdict("degraded" if without else "healthy", down, without)


def needed(needs: Needs) -> dict[str, frozenset[str]]:
    """Return all that each service cannot do without, whatever lies between."""
    found: dict[str, frozenset[str]] = {}
    for name in needs:
        _gather(name, needs, found)
    return found


def _gather(name: str, needs: Needs, found: dict[str, frozenset[str]]) -> frozenset[str]:
    if name not in found:
        direct = frozenset(one.service for one in needs.get(name, ()) if one.kind == "hard")
        found[name] = direct.union(*(_gather(one, needs, found) for one in direct))
    return found[name]


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{one}`" for one in names)
