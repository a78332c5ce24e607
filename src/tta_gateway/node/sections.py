"""Live sections as a process reads them: one that it cannot read is as if it were not there.

They outlive upgrades: what another version of the gateway has found out may look different.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from tta_gateway.support.log import EventLog

T = TypeVar("T")


class Sections:
    """Reads them, and tells once of each that cannot be read."""

    def __init__(self, log: EventLog) -> None:
        """Tell there."""
        self._log = log
        self._unread: dict[str, msgspec.Raw] = {}

    def read(
        self, name: str, raw: msgspec.Raw | None, decode: Callable[[msgspec.Raw], T]
    ) -> T | None:
        """Return what a section holds; None if there is none, or none that can be read."""
        if raw is None:
            self._unread.pop(name, None)
            return None
        try:
            found = decode(raw)
        except msgspec.DecodeError as error:
            if self._unread.get(name) != raw:
                self._unread[name] = raw
                self._log.event("finding_not_read", section=name, error=str(error))
            return None
        self._unread.pop(name, None)
        return found
