"""The word of control as a worker goes by it: until when all that it knows may be gone by.

It is read behind all other live sections, so that who has read it has taken up what came before.
"""

from collections.abc import Callable, Mapping

import msgspec

from tta_gateway.features.nodes.bound import WORD, word_of
from tta_gateway.features.nodes.policy import Hearing
from tta_gateway.node.sections import Sections

_NOT_YET = -1


class LiveWord:
    """The last word, and whether it has been confirmed."""

    def __init__(
        self, sections: Sections, hearing: Hearing, confirm: Callable[[int], bool]
    ) -> None:
        """Have `hearing` go by it; `confirm` tells control of a turn, False if it cannot yet."""
        self._sections = sections
        self._hearing = hearing
        self._confirm = confirm
        self._raw: msgspec.Raw | None = None
        self._turn = self._confirmed = _NOT_YET

    def follow(self, live: Mapping[str, msgspec.Raw]) -> None:
        """Go by what is said now; one that cannot be read says nothing."""
        raw = live.get(WORD)
        if raw is None or raw == self._raw:
            return
        self._raw = raw
        word = self._sections.read(WORD, raw, word_of)
        if word is not None:
            self._hearing.until = word.until
            self._turn = word.turn
            self.tick()

    def tick(self) -> None:
        """Confirm it, if that is not done."""
        if self._turn != self._confirmed and self._confirm(self._turn):
            self._confirmed = self._turn
