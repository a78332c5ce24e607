"""A clock that stands still until a test moves it."""


class FakeClock:
    """Both clocks of a machine; `advance` moves them together."""

    def __init__(self, *, monotonic: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        """Begin at these seconds."""
        self._monotonic = monotonic
        self._wall = wall

    def monotonic(self) -> float:
        """Return seconds that only go forward."""
        return self._monotonic

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._monotonic += seconds
        self._wall += seconds
