"""Steps that wait: an awaitable that a test opens, and works that go on a step at a time."""

from collections.abc import Coroutine, Generator
from typing import Any

from tta_gateway.kernel.policy import Answer

Work = Coroutine[Any, Any, None]


class Gate:
    """An awaitable that a test opens: with an answer, nothing, or an exception."""

    def __init__(self) -> None:
        """Begin shut."""
        self.is_open = False
        self.answer: Answer = None
        self.error: Exception | None = None

    def open(self, answer: Answer = None, *, error: Exception | None = None) -> None:
        """Let whoever waits go on with this."""
        self.is_open, self.answer, self.error = True, answer, error

    def __await__(self) -> Generator[None, None, Answer]:
        """Wait until it is open."""
        while not self.is_open:
            yield
        if self.error is not None:
            raise self.error
        return self.answer


def turn(works: list[Work]) -> None:
    """Let every work that is under way go one step on; those that it begins come next."""
    begun, works[:] = list(works), []
    works += [work for work in begun if _goes_on(work)]


def _goes_on(work: Work) -> bool:
    try:
        work.send(None)
    except StopIteration:
        return False
    return True
