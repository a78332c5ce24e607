"""Certificates: their dates, told once a node when one begins to matter.

Workers log them daily (expiry.py); here they become events, so that somebody hears of them who
reads no logs.  What is shown to services is looked at as well.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from cryptography import x509

from tta_gateway.kernel.events import CertificateExpires
from tta_gateway.kernel.route import Service
from tta_gateway.snapshot.model import SOON, Snapshot

_MINUTE: Final = 60.0
State = Literal["good", "soon", "expired"]


class Certificates:
    """Looks at the dates of a snapshot's certificates, by the paths of their files."""

    def __init__(
        self, wall: Callable[[], float], publish: Callable[[CertificateExpires], None]
    ) -> None:
        """Begin without any."""
        self._wall = wall
        self._publish = publish
        self._expires: dict[str, float] = {}
        self._told: dict[str, State] = {}
        self._next = 0.0

    def recover(self, told: Mapping[str, State]) -> None:
        """Go on with what a control before this one has told."""
        self._told.update(told)

    def adopt(self, snapshot: Snapshot, services: Iterable[Service]) -> None:
        """Look at these from now on, and with the next tick."""
        self._expires = {}
        for listener in snapshot.listeners:
            for one in listener.tls.certificates if listener.tls else ():
                self._take(one.certificate, one.expires)
        for service in services:
            if service.tls is not None and service.tls.pem:
                self._take(service.tls.certificate, end_of(service.tls.pem))
        self._next = 0.0

    def _take(self, name: str, expires: float) -> None:
        self._expires[name] = min(expires, self._expires.get(name, expires))

    def tick(self) -> None:
        """Look, once a minute."""
        now = self._wall()
        if now < self._next:
            return
        self._next = now + _MINUTE
        for name in [*self._expires, *(self._told.keys() - self._expires.keys())]:
            expires = self._expires.get(name, 0.0)
            state = state_of(expires, now) if name in self._expires else "good"
            if state != self._told.get(name, "good"):
                self._publish(
                    CertificateExpires(
                        name=name,
                        state="renewed" if state == "good" else state,
                        expires=expires,
                        at=now,
                    )
                )
            self._told[name] = state
        for name in self._told.keys() - self._expires.keys():
            del self._told[name]


def state_of(expires: float, now: float) -> State:
    """Return how a certificate is that ends then."""
    if expires <= now:
        return "expired"
    return "soon" if expires <= now + SOON else "good"


def end_of(pem: bytes) -> float:
    """Return when the first certificate ends that stands there."""
    return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc.timestamp()
