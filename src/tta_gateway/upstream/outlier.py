"""Outliers: endpoints that fail beside their peers are left out for a while (R6.3, R6.4).

Failures are what the service would be blamed for: no connection, a reset, garbage, silence, or a
5xx that is not about the request.  `Settings.failures` of them in a row, or a share of failures in
an interval that is well above that of the peers, eject an endpoint; each further ejection lasts
longer.  At most a share of the endpoints is ejected at a time.  Who comes back begins with less to
do (upstream/service.py).
"""

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from tta_gateway.kernel.events import Proof
from tta_gateway.kernel.problem import (
    UPSTREAM_CERTIFICATE,
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    UPSTREAM_TLS,
    UPSTREAM_UNRESOLVED,
)
from tta_gateway.kernel.route import Outliers

_CALM: Final = 10.0  # times the shortest ejection without another: the next counts as the first
LONG_AGO: Final = -1.0e9
_UNREACHED: Final = frozenset(
    problem.code
    for problem in (
        UPSTREAM_CERTIFICATE,
        UPSTREAM_CONNECT_TIMEOUT,
        UPSTREAM_REFUSED,
        UPSTREAM_TLS,
        UPSTREAM_UNRESOLVED,
    )
)
_WELL_ABOVE: Final = 0.3  # of the answers, more failures than the peers have
# These say that the request asks for what there is not: no sign that the service is unwell.
_ASKED_TOO_MUCH: Final = (501, 505)


class Record:
    """How one endpoint has answered: in a row, in this interval, and how often it was ejected."""

    __slots__ = (
        "_told_asked",
        "_told_failed",
        "asked",
        "ejections",
        "failed",
        "in_a_row",
        "proof",
        "since",
        "until",
    )

    def __init__(self) -> None:
        """Begin with nothing against it."""
        self.in_a_row = 0
        self.proof: Proof = ""  # what a check must show that it fails in none of these ways
        self.asked = 0
        self.failed = 0
        self.ejections = 0
        self.since = LONG_AGO  # when this worker ejected it
        self.until = 0.0  # when its ejection ends, or has ended
        self._told_asked = 0  # of `asked`, to control; below zero: what earlier intervals owe
        self._told_failed = 0

    def succeeded(self) -> None:
        """Count an answer."""
        self.in_a_row = 0
        self.asked += 1

    def did_not(self, proof: Proof) -> None:
        """Count a failure, and what a check must show that it is over."""
        self.proof = both(self.proof, proof) if self.in_a_row else proof
        self.in_a_row += 1
        self.asked += 1
        self.failed += 1

    def begin_anew(self) -> None:
        """Begin a new interval; what control was not told of the last one is still owed."""
        self._told_asked -= self.asked
        self._told_failed -= self.failed
        self.asked = self.failed = 0

    @property
    def untold(self) -> tuple[int, int]:
        """Return how often it was asked, and failed, since that was told last."""
        return self.asked - self._told_asked, self.failed - self._told_failed

    def tell(self) -> None:
        """Take note that control has been told."""
        self._told_asked, self._told_failed = self.asked, self.failed

    def eject(self, settings: Outliers, now: float) -> float:
        """Leave the endpoint out; return for how long."""
        if is_calm(now - self.until, settings):
            self.ejections = 0
        self.ejections += 1
        lasts = lasting(self.ejections, settings)
        self.since = now
        self.until = now + lasts
        self.in_a_row = 0
        self.begin_anew()
        return lasts

    def adopt(self, settings: Outliers, *, lasts: float, times: int, now: float) -> None:
        """Leave it out as control says, for so many times in a row: not once more than that."""
        if is_calm(now - self.until, settings):
            self.ejections = 0
        self.ejections = max(self.ejections, times)
        self.since = LONG_AGO  # it is control's to say when it is over
        self.until = now + lasts
        self.in_a_row = 0
        self.begin_anew()


def is_failure(status: int) -> bool:
    """Tell whether an answer of this status speaks against who gave it."""
    return status >= 500 and status not in _ASKED_TOO_MUCH


def is_calm(since: float, settings: Outliers) -> bool:
    """Tell whether an ejection so long after the end of the last one counts as the first."""
    return since > _CALM * settings.shortest


def lasting(times: int, settings: Outliers) -> float:
    """Return how long the so many-eth ejection in a row lasts, in seconds."""
    return min(settings.longest, settings.shortest * times)


def proof_of(failure: str) -> Proof:
    """Return what a check must show so that an endpoint is known not to fail like this any more.

    `failure` is a problem's code, or empty for a status of the 5xx.
    """
    if failure in _UNREACHED:
        return "connection"
    return "answer" if failure in ("", UPSTREAM_RESET.code) else ""


def both(one: Proof, other: Proof) -> Proof:
    """Return what a check must show of an endpoint that has failed in two ways; empty: nothing can.

    An answer shows that a connection comes about, too.
    """
    if not one or not other:
        return ""
    return "answer" if "answer" in (one, other) else "connection"


class Counted(Protocol):
    """How often an endpoint was asked in an interval, and how often that failed."""

    @property
    def asked(self) -> int:
        """Return how often it was asked."""
        ...

    @property
    def failed(self) -> int:
        """Return how often that failed."""
        ...


R = TypeVar("R", bound=Counted)


def may_eject(*, ejected: int, of: int, settings: Outliers) -> bool:
    """Tell whether one more of so many endpoints may be left out: never the only one."""
    return of > 1 and ejected + 1 <= max(1, int(of * settings.most))


def outliers(records: Sequence[R], settings: Outliers) -> list[R]:
    """Return those whose share of failures is well above that of the others together.

    Only who was asked often enough in this interval is judged, and only beside others who were.
    """
    judged = [one for one in records if one.asked >= settings.least_asked]
    if len(judged) < 2:
        return []
    asked, failed = sum(one.asked for one in judged), sum(one.failed for one in judged)
    found = []
    for one in judged:
        others = (failed - one.failed) / (asked - one.asked)
        if one.failed / one.asked > others + _WELL_ABOVE:
            found.append(one)
    return found
