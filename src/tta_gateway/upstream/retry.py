"""Whether to try again: decided before anything is done, from what is known.

RFC 9110 9.2.2: a request is sent again by itself only if its method is idempotent, or if nothing of
it can have reached the service.  At most a fifth of the requests under way may be further tries,
and three always may (Envoy's budget): otherwise retries finish off a service that is struggling.
What is beyond that may draw on good answers of late, one for five of them (Finagle's): when one of
several endpoints dies, all that it had under way comes back at once, and nobody is struggling.
Where answers take long, "of late" is long ago: for half of what is under way nothing is forgotten.
"""

from typing import Final

from tta_gateway.kernel.problem import OUT_OF_SOCKETS, UPSTREAM_GARBAGE, UPSTREAM_INCOMPLETE

# Something of an answer has come, or there is no sense in another try.
FINAL: Final = (UPSTREAM_GARBAGE, UPSTREAM_INCOMPLETE, OUT_OF_SOCKETS)
IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"QUERY"))
BUDGET_SHARE: Final = 0.2
BUDGET_LEAST: Final = 3
HALF: Final = 0.5
SAVED_FOR: Final = 10.0
"""Seconds in which what good answers allow is forgotten."""


def may_repeat(method: bytes, *, reached: bool, body_held: bool) -> bool:
    """Tell whether the request may be sent once more.

    `reached` says that some of it may have reached the service, `body_held` that all of its body is
    still here.
    """
    if not body_held:
        return False
    return not reached or method in IDEMPOTENT


def within_budget(*, retrying: int, active: int) -> bool:
    """Tell whether one more retry fits beside those under way."""
    return retrying < max(BUDGET_LEAST, BUDGET_SHARE * active)


class Allowance:
    """The further tries that good answers of late allow: `answers` counts those since the look."""

    __slots__ = ("_looked", "_saved", "answers")

    def __init__(self) -> None:
        """Begin with none."""
        self.answers = 0
        self._saved = 0.0
        self._looked = 0.0

    def look(self, now: float, *, active: int) -> None:
        """Save what has come since the last look, and forget what is too old.

        As much stays as half of the `active` ones would take: those that one of two endpoints has.
        """
        kept = max(0.0, 1.0 - (now - self._looked) / SAVED_FOR)
        saved = self._saved + BUDGET_SHARE * self.answers
        self._saved = max(kept * saved, min(saved, HALF * active))
        self._looked = now
        self.answers = 0

    def take(self) -> bool:
        """Take one try; False if there is none to be had."""
        if self._saved + BUDGET_SHARE * self.answers < 1.0:
            return False
        self._saved -= 1.0
        return True
