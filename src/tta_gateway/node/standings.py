"""Standings as a worker goes by them: taken up where they are others than before, and nowhere else.

With hundreds of services one of them changes every moment: to read and take up all each time would
hold the loop for milliseconds.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from tta_gateway.kernel.standing import Standing, section
from tta_gateway.node.sections import Sections
from tta_gateway.snapshot.parts import standing_of
from tta_gateway.upstream.attempt import Upstream


class Forwarder(Protocol):
    """Whose services they are."""

    upstreams: dict[str, Upstream]

    def adopt_standings(
        self,
        standings: Mapping[str, Standing | None],
        *,
        now: float,
        wall: float,
        beside: Mapping[str, Upstream] | None = None,
    ) -> None:
        """Forward to these endpoints of these services from now on; None: as configured."""


class Standings:
    """What each service of a worker goes by."""

    def __init__(
        self,
        forwarder: Forwarder,
        sections: Sections,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """Begin with nothing taken up."""
        self._forwarder = forwarder
        self._sections = sections
        self._monotonic = monotonic
        self._wall = wall
        self._taken: dict[str, tuple[Upstream, msgspec.Raw | None]] = {}

    def changed(self, live: Mapping[str, msgspec.Raw]) -> list[str]:
        """Return the services that go by another standing than there is now, or are new."""
        upstreams, taken = self._forwarder.upstreams, self._taken
        if len(taken) > len(upstreams):
            self._taken = taken = {name: taken[name] for name in upstreams if name in taken}
        return [
            name
            for name, upstream in upstreams.items()
            if not _is_same(taken.get(name), upstream, live.get(section(name)))
        ]

    def adopt(
        self,
        names: Iterable[str],
        live: Mapping[str, msgspec.Raw],
        *,
        beside: Mapping[str, Upstream] | None = None,
    ) -> None:
        """Have these services go by the standings that there are now.

        They are those in force, or those that are made `beside` them, to take their places.
        """
        upstreams = self._forwarder.upstreams if beside is None else beside
        standings: dict[str, Standing | None] = {}
        for name in names:
            raw = live.get(section(name))
            standings[name] = self._sections.read(section(name), raw, standing_of)
            self._taken[name] = (upstreams[name], raw)
        now, wall = self._monotonic(), self._wall()
        self._forwarder.adopt_standings(standings, now=now, wall=wall, beside=beside)


def _is_same(
    taken: tuple[Upstream, msgspec.Raw | None] | None, upstream: Upstream, raw: msgspec.Raw | None
) -> bool:
    """Tell whether a service goes by this section: mostly it is the very same bytes."""
    if taken is None or taken[0] is not upstream:
        return False
    return taken[1] is raw or taken[1] == raw
