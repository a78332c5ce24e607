"""Drills: how one is ordered, and what is said in it; nobody is in need."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tta_gateway.kernel.verdict import ELEVATED, HIGH, IMMINENT

SAID: Final[Mapping[int, str]] = {
    ELEVATED: "I used to think about ending my life.",
    HIGH: "I want to end my life.",
    IMMINENT: "I want to end my life tonight.",
}
"""By level, what the detector is to find at least that much in."""


class DrillOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What workers are told of a drill before it comes; one `id` is one drill.

    Whoever shows the `token` brings it.  `is_over`: nobody does any more.
    """

    id: str
    by: str
    token: str
    level: int = IMMINENT
    is_over: bool = False


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where clients come to a worker: by TLS, or behind a proxy that says for whom it speaks."""

    host: str = ""
    port: int = 0
    unix: str = ""
    tls: bool = False
    proxied: bool = False

    def __str__(self) -> str:
        """Return it as people write it."""
        scheme = "https" if self.tls else "http"
        if self.unix:
            return f"{scheme}+unix:{self.unix}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"
