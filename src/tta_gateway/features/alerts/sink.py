"""Sinks: where notices go."""

from collections.abc import Sequence
from typing import Protocol

from tta_gateway.features.alerts.bound import Notice


class SinkFailed(Exception):
    """Notices did not get there; `again` says whether another try may help."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        """Keep the reason, in words."""
        super().__init__(why)
        self.again = again


class Sink(Protocol):
    """Takes notices to somebody."""

    async def send(self, notices: Sequence[Notice]) -> None:
        """Bring all of them; SinkFailed if none may have got there.

        It does not take longer than half a minute.
        """
