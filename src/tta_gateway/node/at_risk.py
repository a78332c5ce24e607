"""Who may be at risk, at any worker of this node: they are of the class of crises at all of them.

What this worker has heard itself it knows by its listener; neighbours are told marks of people, as
they are of sessions (node/in_session.py), for as long as somebody counts as at risk.
"""

from collections.abc import Callable
from typing import Final

from tta_gateway.features.admission.session import Sessions
from tta_gateway.features.safety.people import AT_RISK
from tta_gateway.kernel.events import SafetyRaised

MOST: Final = 10_000  # people that neighbours are told of
_LOOKS: Final = 10.0  # seconds between two looks at who still is


class AtRisk:
    """Those of this worker, and what neighbours tell of theirs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with nobody; `clock` is monotonic, in seconds."""
        self.open = Sessions()
        """what neighbours tell each other"""
        self.here: Callable[[str], bool] = _nobody
        """tells whether somebody is at risk by what was heard here"""
        self._clock = clock
        self._until: dict[str, float] = {}
        self._looked = clock()

    def includes(self, person: str) -> bool:
        """Tell whether somebody is, by the key of their principal."""
        return self.here(person) or self.open.is_open(person)

    def heard(self, event: SafetyRaised) -> None:
        """Take that somebody here may be at risk."""
        if event.person not in self._until:
            if len(self._until) >= MOST:
                return  # here it is known all the same
            self.open.begin(event.person, event.person)
        self._until[event.person] = self._clock() + AT_RISK

    def tick(self) -> None:
        """Tell of nobody any more who is not at risk."""
        now = self._clock()
        if now < self._looked + _LOOKS:
            return
        self._looked = now
        for person in [one for one, until in self._until.items() if now >= until]:
            if not self.here(person):
                del self._until[person]
                self.open.end(person)


def _nobody(_: str) -> bool:
    """Know nobody."""
    return False
