"""Replacement: services of another configuration, made beside those that it changes.

With hundreds of services, each with connections of its own, to make all of them or to let all go
in one turn would hold the loop for many milliseconds.  Both take turns; between them stands one
step in which all of them change places, so that nobody is served by a mixture.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import msgspec

from tta_gateway.kernel.route import Route, Service
from tta_gateway.node.slices import Slices
from tta_gateway.node.standings import Standings
from tta_gateway.upstream.attempt import Upstream
from tta_gateway.upstream.breakers import guarded
from tta_gateway.upstream.forward import retire

MOST: Final = 100
"""Done in a turn: an endpoint that is made counts one, a service ten."""
_SERVICE: Final = 10
_LEAST: Final = 1
_NONE: Final[frozenset[str]] = frozenset()


class Forwarder(Protocol):
    """Who forwards to them."""

    upstreams: dict[str, Upstream]

    def beside(self, each: Service) -> Upstream:
        """Return what is to serve a service: what does now, if that can stay."""


class Replacement:
    """Makes services, and lets go of those that others have replaced."""

    def __init__(self, forwarder: Forwarder, standings: Standings) -> None:
        """Make those that this one will forward to, each as control has found it."""
        self._forwarder = forwarder
        self._standings = standings

    async def make(
        self, services: Mapping[str, Service], live: Mapping[str, msgspec.Raw]
    ) -> dict[str, Upstream]:
        """Return what is to serve each service; nobody asks yet what is new of it."""
        slices = Slices(MOST)
        in_force = self._forwarder.upstreams
        made: dict[str, Upstream] = {}
        for name, service in services.items():
            before = in_force.get(name)
            if before is not None and before.service is service:
                await slices.room_for(_LEAST)
                made[name] = before
                continue
            await slices.room_for(_SERVICE + len(service.endpoints))
            made[name] = self._forwarder.beside(service)
            if made[name] is not before:
                self._standings.adopt([name], live, beside=made)
        return made

    async def let_go(self, gone: Iterable[Upstream]) -> None:
        """Let go of what nobody asks any more: of what is idle there at once."""
        slices = Slices(MOST)
        for upstream in gone:
            for _ in retire(upstream):
                await slices.room_for(_LEAST)

    async def tidy(self, led: "Led") -> None:
        """Forget what is known of routes that are gone: only these are there."""
        slices = Slices(MOST)
        for name, upstream in list(self._forwarder.upstreams.items()):
            await slices.room_for(_LEAST + len(upstream.pools))
            upstream.retain(led.names)
            upstream.breakers.retain(led.guarded.get(name, _NONE))


class Led:
    """The routes that there are, and those with a breaker by the service that is behind it."""

    def __init__(self) -> None:
        """Begin with none."""
        self.names: set[str] = set()
        self.guarded: dict[str, set[str]] = {}

    def add(self, route: Route) -> None:
        """Take one more."""
        self.names.add(route.name)
        for service in guarded(route):
            self.guarded.setdefault(service, set()).add(route.name)
