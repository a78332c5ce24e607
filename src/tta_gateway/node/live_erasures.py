"""Live erasures: a worker ends what it has open, or keeps waiting, of people who are erased.

It ends as it does when somebody logs out, whoever has issued their tokens.  They may come back at
once, and begin anew.
"""

from collections.abc import Callable, Mapping

import msgspec

from tta_gateway.features.erasure.bound import ERASED, Erased
from tta_gateway.node.sections import Sections

_decode = msgspec.msgpack.Decoder(Erased).decode


class LiveErasures:
    """Those that have been taken up."""

    def __init__(self, sections: Sections, live: Mapping[str, msgspec.Raw]) -> None:
        """Begin with those that are known at the start: nothing is open yet."""
        self._sections = sections
        self._raw = live.get(ERASED)
        self._taken = frozenset(self._read())
        self.ends: list[Callable[[str], None]] = []
        """Each ends what it has of a person, as incidents name them."""

    def follow(self, live: Mapping[str, msgspec.Raw]) -> None:
        """Take up those that are new."""
        raw = live.get(ERASED)
        if raw is self._raw or raw == self._raw:
            return
        self._raw = raw
        people = self._read()
        for person in {one for id, one in people.items() if id not in self._taken}:
            for end in self.ends:
                end(person)
        self._taken = frozenset(people)

    def _read(self) -> dict[str, str]:
        read = self._sections.read(ERASED, self._raw, _decode)
        return {} if read is None else read.people
