"""Ties as a worker goes by them: who cares for whom, and which glass is broken.

Who cares for whom stands in many sections, so that of a hundred thousand relations only those are
read that are near to what has changed.
"""

from collections.abc import Iterable, Mapping

import msgspec

from tta_gateway.features.access.algorithm import Ties
from tta_gateway.features.access.bound import GLASS, SECTIONS, held_of
from tta_gateway.node.sections import Sections


class LiveTies:
    """The ties that control has told of."""

    def __init__(self, sections: Sections, live: Mapping[str, msgspec.Raw]) -> None:
        """Go by what is told of now."""
        self.ties = Ties()
        self._sections = sections
        self._taken: dict[str, msgspec.Raw] = {}
        self._carers: dict[str, tuple[str, ...]] = {}
        self.adopt(self.changed(live), live)

    def changed(self, live: Mapping[str, msgspec.Raw]) -> list[str]:
        """Return the sections that say something else than was taken up."""
        taken = self._taken
        return [
            name
            for name in SECTIONS
            if (raw := live.get(name)) is not taken.get(name) and raw != taken.get(name)
        ]

    def adopt(self, names: Iterable[str], live: Mapping[str, msgspec.Raw]) -> None:
        """Go by what these sections say now; one that cannot be read ties nobody to anybody."""
        for name in names:
            raw = live.get(name)
            if raw is None:
                self._taken.pop(name, None)
            else:
                self._taken[name] = raw
            found = self._sections.read(name, raw, held_of)
            until = {} if found is None else found.until
            if name == GLASS:
                self.ties.break_glass(until)
                continue
            self.ties.care_for(self._carers.pop(name, ()), until)
            if until:
                self._carers[name] = tuple(until)
