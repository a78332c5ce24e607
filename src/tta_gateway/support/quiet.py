"""Quiet: who would say the same again and again says it now and then."""

from typing import Final

MOST: Final = 1000
"""Things that are remembered; beyond them the oldest is forgotten, and may be said again."""


class Quiet:
    """Remembers when what was said last; time is an argument."""

    def __init__(self, pause: float) -> None:
        """Let the same be said once in so many seconds."""
        self._pause = pause
        self._said: dict[tuple[str, ...], float] = {}  # the oldest first

    def is_due(self, *words: str, now: float) -> bool:
        """Tell whether this may be said now, and take note that it is."""
        said = self._said.get(words)
        if said is not None and now - said < self._pause:
            return False
        self._said.pop(words, None)
        self._said[words] = now
        if len(self._said) > MOST:
            del self._said[next(iter(self._said))]
        return True

    def __len__(self) -> int:
        """Return how much is remembered."""
        return len(self._said)
