"""A drill on its way: what one exchange knows of it.

A drill is a message of nobody's, made by the administration, which is listened to, kept, and
brought before people as one of somebody in need is, and by the same parts; these know by
`Exchange.drill` that nobody else is to hear of it, and that it counts in no figure of what people
say.  No service is given it: it is answered by the worker that it has come to.
"""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from tta_gateway.kernel.verdict import Verdict

MARK: Final = "[DRILL] "
"""Begins what is kept of it, and every notice."""


class Drill:
    """One drill, and how far it has come; `level` is what is to be found in it at least."""

    __slots__ = ("_began", "_now", "_steps", "by", "id", "level")

    def __init__(self, id: str, *, by: str, level: int, now: Callable[[], float]) -> None:
        """Begin; `now` is monotonic, in seconds."""
        self.id = id
        self.by = by
        self.level = level
        self._now = now
        self._began = now()
        self._steps: dict[str, tuple[str, float]] = {}
        self._passed("worker", "takes it")

    @property
    def person(self) -> str:
        """Return who stands for the person, whom there is not."""
        return f"drill {self.id} of {self.by}"

    @property
    def report(self) -> str:
        """Return the id of its report: one drill is one incident."""
        return report_of(self.id)

    def judged(self, found: Verdict) -> Verdict:
        """Take what was found; return it as of the level that was asked for, nothing if less."""
        self._passed("detector", f"level {found.level} found")
        return Verdict() if found.level < self.level else replace(found, level=self.level)

    def kept(self) -> None:
        """Take that its report is on the disk."""
        self._passed("journal", "durable")

    def timing(self) -> bytes:
        """Return the steps so far as the value of Server-Timing, each with its milliseconds."""
        each = [
            f'{name};desc="{said}";dur={(at - self._began) * 1000.0:.3f}'
            for name, (said, at) in self._steps.items()
        ]
        return ", ".join(each).encode()

    def _passed(self, step: str, said: str) -> None:
        """Take the first time that it comes by."""
        self._steps.setdefault(step, (said, self._now()))


def report_of(id: str) -> str:
    """Return the id of the report of a drill."""
    return f"drill-{id}"
