"""Hang-ups that the test causes: who is watched, and a way to let one go."""

from collections.abc import Callable


class FakeHangups:
    """Keeps whom it is asked to watch."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.watched: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, told: Callable[[], None]) -> None:
        """Watch a descriptor."""
        self.watched[fd] = told

    def forget(self, fd: int, told: Callable[[], None]) -> None:
        """Watch it no longer."""
        if self.watched.get(fd) == told:
            del self.watched[fd]

    def let_all_go(self) -> None:
        """Let every peer that is watched go away."""
        watched, self.watched = self.watched, {}
        for told in watched.values():
            told()
