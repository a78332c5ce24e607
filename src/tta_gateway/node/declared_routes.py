"""Declared routes as a worker takes them up: what makes no sense is left out, the rest holds.

Control has looked at each.  But it may be of another version, or err, and what it has found stays
in force without it: one route must not keep a worker from whatever else there is to take up.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from tta_gateway.kernel.registered import SECTION
from tta_gateway.kernel.route import Route
from tta_gateway.node.sections import Sections
from tta_gateway.snapshot.parts import registered_parts_of, route_of
from tta_gateway.support.log import EventLog


class DeclaredRoutes:
    """The routes that services have declared."""

    def __init__(self, sections: Sections, log: EventLog) -> None:
        """Read live sections there, and tell there of what is left out."""
        self._sections = sections
        self._log = log
        self._left: set[str] = set()

    def put(
        self, live: Mapping[str, msgspec.Raw], place: Callable[[Route], None]
    ) -> Iterator[Route | None]:
        """Read each and put it in its place, with each step one; None is one that has none.

        That is told once of each.  To read thousands of them takes many milliseconds.
        """
        left: set[str] = set()
        parts = self._sections.read(SECTION, live.get(SECTION), registered_parts_of)
        for raw in parts or ():
            route: Route | None = None
            name = "a route"
            try:
                route = route_of(raw)
                name = f"`{route.name}`"
                place(route)
            except (ValueError, msgspec.DecodeError) as error:
                route = None
                why = f"{name} is left out: {error}"
                if why not in self._left and why not in left:
                    self._log.event("finding_not_read", section=SECTION, error=why)
                left.add(why)
            yield route
        self._left = left
