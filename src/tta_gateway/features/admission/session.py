"""Who is in a therapeutic session, by what this worker has open for them.

A WebSocket, or an answer that goes on as events come, on a therapeutic route.  What other workers
have open is not seen here.
"""

from tta_gateway.kernel.exchange import Exchange


class Sessions:
    """What is open, by whose it is; whatever configuration it began with."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._whose: dict[Exchange, str] = {}
        self._open: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._whose)

    def begin(self, exchange: Exchange, subject: str) -> None:
        """Take note of one."""
        self._whose[exchange] = subject
        self._open[subject] = self._open.get(subject, 0) + 1

    def end(self, exchange: Exchange) -> None:
        """Take note that it is over, if it was one."""
        subject = self._whose.pop(exchange, None)
        if subject is None:
            return
        left = self._open[subject] - 1
        if left:
            self._open[subject] = left
        else:
            del self._open[subject]

    def is_open(self, subject: str) -> bool:
        """Tell whether somebody is in one."""
        return subject in self._open
