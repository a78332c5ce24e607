"""The pace of a request's body: when its next part must be there."""

from typing import Final

LEAST_RATE: Final = 500.0
"""Bytes a second, on average: slower bodies, and slower readers, would hold connections."""


class BodyPace:
    """How long one body has been coming, but for the time in which nobody read it."""

    __slots__ = ("_paused_at", "_since")

    def __init__(self, now: float) -> None:
        """Begin with its first byte to come."""
        self._since = now
        self._paused_at = now

    def pause(self, now: float) -> None:
        """Read it no further: the service does not keep up."""
        self._paused_at = now

    def resume(self, now: float) -> None:
        """Go on; the time since the pause was not the client's doing."""
        self._since += now - self._paused_at

    def due(self, now: float, *, idle: float, received: int) -> float:
        """Return when more must be there, `received` so far: in a while, and at the least rate."""
        return min(now + idle, self._since + idle + received / LEAST_RATE)
