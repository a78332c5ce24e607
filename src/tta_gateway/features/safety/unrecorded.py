"""Messages that have no record of their own: counted by whose they are, until one tells of all."""

from collections import OrderedDict
from typing import Final

import msgspec

from tta_gateway.kernel.incident import Source
from tta_gateway.kernel.listening import Heard, Place, Speaker

MOST: Final = 10_000
"""counts that are kept at once; of those beyond, the metric alone tells"""


class Several:
    """Messages of one person, of a level, that one record is to tell of; `heard` is the last."""

    __slots__ = ("delivered", "heard", "messages", "place", "source", "speaker")

    def __init__(
        self, speaker: Speaker, place: Place, heard: Heard, *, delivered: bool, source: Source
    ) -> None:
        """Begin with none."""
        self.speaker = speaker
        self.place = place
        self.heard = heard
        self.delivered = delivered
        self.source = source
        self.messages = 0


class Unrecorded:
    """All of them, since they were told of last."""

    def __init__(self) -> None:
        """Begin with none."""
        self._several: OrderedDict[tuple[str, int, Source, bool], Several] = OrderedDict()

    def __len__(self) -> int:
        """Return how many records there are to be."""
        return len(self._several)

    def add(
        self, speaker: Speaker, place: Place, heard: Heard, *, delivered: bool, source: Source
    ) -> None:
        """Count a message; one that was counted as delivered may turn out not to be."""
        several = self._several
        if heard.is_counted and not delivered:
            self._recall((speaker.key, heard.level, source, True))
        heard.is_counted = True
        key = (speaker.key, heard.level, source, delivered)
        found = several.get(key)
        if found is None:
            if len(several) >= MOST:
                return
            made = Several(speaker, place, heard, delivered=delivered, source=source)
            found = several[key] = made
        found.messages += 1
        before, verdict = found.heard.verdict, heard.verdict
        categories = tuple(dict.fromkeys((*before.categories, *verdict.categories)))
        merged = msgspec.structs.replace(verdict, categories=categories)
        found.heard, found.place = Heard(merged, level=heard.level), place

    def _recall(self, key: tuple[str, int, Source, bool]) -> None:
        found = self._several.get(key)
        if found is not None:
            found.messages -= 1
            if not found.messages:
                del self._several[key]

    def taken(self) -> list[Several]:
        """Return them, and begin anew."""
        found = list(self._several.values())
        self._several.clear()
        return found
