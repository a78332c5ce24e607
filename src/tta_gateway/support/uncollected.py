"""Imports without the garbage collector: what they make stays, and looking is for nothing."""

import gc
from types import TracebackType


class Uncollected:
    """A block in which nothing is collected; behind it everything is as it was."""

    __slots__ = ("_was_enabled",)

    def __enter__(self) -> None:
        """Stop it."""
        self._was_enabled = gc.isenabled()
        gc.disable()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        places: TracebackType | None,
    ) -> None:
        """Let it go on, if it was."""
        if self._was_enabled:
            gc.enable()
