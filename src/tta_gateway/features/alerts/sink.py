"""Sinks: where notices go."""

from collections.abc import Sequence
from typing import Protocol

from tta_gateway.features.alerts.bound import Notice


class Sink(Protocol):
    """Takes notices to somebody."""

    async def send(self, notices: Sequence[Notice]) -> None:
        """Bring all of them; NotTaken if none may have got there.

        It does not take longer than half a minute.
        """
