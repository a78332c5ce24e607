"""Drills: what is said in one, and the report that comes of it; nobody is in need."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tta_gateway.kernel.incident import Report
from tta_gateway.kernel.verdict import ELEVATED, HIGH, IMMINENT, Verdict

MARK: Final = "[DRILL] "
SAID: Final[Mapping[int, str]] = {
    ELEVATED: "I used to think about ending my life.",
    HIGH: "I want to end my life.",
    IMMINENT: "I want to end my life tonight.",
}
"""By level, what the detector is to find at least that much in."""


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """An incident about nobody, to see whether people are reached; one `id` is one drill."""

    id: str
    by: str
    level: int = IMMINENT

    @property
    def person(self) -> str:
        """Return who stands for the person, whom there is not."""
        return f"drill {self.id} of {self.by}"


def report_of(drill: Drill, found: Verdict, at: float) -> Report:
    """Return the report of a drill whose message has been found to be of its level at least."""
    return Report(
        id=f"drill-{drill.id}",
        at=at,
        person=drill.person,
        identity="verified",
        level=drill.level,
        categories=found.categories,
        rules=found.rules,
        version=found.version,
        source="drill",
        route="",
        service="",
        correlation=drill.id,
        delivered=True,
    )
