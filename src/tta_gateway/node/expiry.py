"""Expiry: tells daily of certificates whose time is over, or soon will be."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from tta_gateway.snapshot.model import SOON, Certificate, Snapshot
from tta_gateway.support.log import EventLog

_DAY: Final = 24 * 3600.0


class Expiry:
    """Looks at the dates of a snapshot's certificates; `wall` is seconds since the epoch."""

    def __init__(self, wall: Callable[[], float], log: EventLog) -> None:
        """Begin without any."""
        self._wall = wall
        self._log = log
        self._certificates: list[Certificate] = []
        self._next = 0.0

    def adopt(self, snapshot: Snapshot) -> None:
        """Look at these from now on, and at once."""
        self._certificates = [
            one
            for listener in snapshot.listeners
            if listener.tls
            for one in listener.tls.certificates
        ]
        self._next = 0.0
        self.tick()

    def tick(self) -> None:
        """Look, once a day."""
        if not self._certificates or self._wall() < self._next:
            return
        now = self._wall()
        self._next = now + _DAY
        for one in self._certificates:
            if one.expires <= now + SOON:
                over = one.expires <= now
                self._log.event(
                    "certificate_expired" if over else "certificate_expires_soon",
                    certificate=one.certificate,
                    expires=datetime.fromtimestamp(one.expires, UTC).isoformat(),
                )
