"""Readmission: whether checks that pass end an ejection before its time (R6.4).  Pure.

Only a check that began after the ejection counts, and only if it shows what had failed: that a
connection comes about, or that an answer comes.  An endpoint that was late, or answered garbage, or
failed more often than its peers, is out for its time: a check would not see the difference.

So many checks in a row must pass as bring back an endpoint that was down, twice as many for its
second ejection in a row, and so on: whom checks find well and clients do not stays out longer.
"""

from dataclasses import dataclass
from typing import Final

from tta_gateway.kernel.events import EndpointChanged, Proof
from tta_gateway.upstream.outlier import both

_SHOWS: Final[dict[Proof, tuple[Proof, ...]]] = {
    "": (),
    "connection": ("connection",),
    "answer": ("connection", "answer"),
}
_MOST_DOUBLED: Final = 20


@dataclass(frozen=True, slots=True)
class Look:
    """One check of an endpoint: when it began, in seconds since the epoch, and what it `shows`."""

    began: float
    passed: bool
    shows: Proof
    healthy: int


def times_in_a_row(event: EndpointChanged, *, shortest: float) -> int:
    """Return the how many-eth ejection in a row it is: each lasts `shortest` longer."""
    return max(1, round((event.until - event.at) / shortest))


class Ejection:
    """One that workers told of, and what checks have said since."""

    def __init__(
        self, event: EndpointChanged, *, shortest: float, before: "Ejection | None"
    ) -> None:
        """Begin when a worker tells of it; `before` is what another told."""
        self.proof: Proof = event.proof if before is None else both(event.proof, before.proof)
        """What checks must show: that it fails in none of the ways that workers have told of."""
        times = times_in_a_row(event, shortest=shortest)
        self.times: int = times if before is None else max(times, before.times)
        """The how many-eth in a row it is."""
        self._told_at = event.at
        self._passed = 0
        self.since = 0.0
        """When the first of the checks began that have passed since."""

    def ends(self, look: Look) -> bool:
        """Take a check; tell whether the ejection is over with it."""
        if look.began <= self._told_at:
            return False
        if not look.passed or self.proof not in _SHOWS[look.shows]:
            self._passed = 0
            return False
        if self._passed == 0:
            self.since = look.began
        self._passed += 1
        return self._passed >= look.healthy << min(self.times - 1, _MOST_DOUBLED)
