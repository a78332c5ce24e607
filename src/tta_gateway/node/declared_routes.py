"""Declared routes as a worker takes them up: what makes no sense is left out, the rest holds.

Control has looked at each.  But it may be of another version, or err, and what it has found stays
in force without it: one route must not keep a worker from whatever else there is to take up.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from tta_gateway.kernel.registered import SECTION
from tta_gateway.kernel.route import Route
from tta_gateway.node.sections import Sections
from tta_gateway.snapshot.parts import registered_of
from tta_gateway.support.log import EventLog


class DeclaredRoutes:
    """The routes that services have declared."""

    def __init__(self, sections: Sections, log: EventLog) -> None:
        """Read live sections there, and tell there of what is left out."""
        self._sections = sections
        self._log = log
        self._left: set[tuple[str, str]] = set()

    def put(
        self, live: Mapping[str, msgspec.Raw], place: Callable[[Route], None]
    ) -> Iterator[Route]:
        """Put each in its place, with each step one; each that has none is told of once."""
        left: set[tuple[str, str]] = set()
        for route in self._sections.read(SECTION, live.get(SECTION), registered_of) or ():
            try:
                place(route)
            except ValueError as error:
                why = f"`{route.name}` is left out: {error}"
                left.add((route.name, why))
                if (route.name, why) not in self._left:
                    self._log.event("finding_not_read", section=SECTION, error=why)
            yield route
        self._left = left
