"""Expiry: certificates whose time is over, or soon will be.  A warning, never a refusal.

A gateway that does not start because of a date would keep everybody out, those included whose
clients look at nothing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from tta_gateway.settings.certificate import facts
from tta_gateway.settings.complaint import Complaint, Path, lines
from tta_gateway.settings.load import Loaded
from tta_gateway.settings.tree import Settings
from tta_gateway.snapshot.model import SOON


def warnings(loaded: Loaded, file: str, *, now: float) -> list[str]:
    """Return a line for each certificate that clients refuse, or will before long."""
    found = []
    for path, name in _certificates(loaded.settings):
        word = _word(name, now)
        if word:
            place = loaded.document.place(path)
            found.append(Complaint(place, path, f"warning: `{name}` {word}"))
    return lines(found, file)


def _certificates(settings: Settings) -> Iterator[tuple[Path, str]]:
    for number, listener in enumerate(settings.listen):
        for place, one in enumerate(listener.tls.certificates if listener.tls else ()):
            key = ("listen", number, "tls", "certificates", place, "certificate")
            yield key, one.certificate
    for name, service in settings.services.items():
        if service.client_certificate is not None:
            yield ("services", name, "client_certificate"), service.client_certificate


def _word(file: str, now: float) -> str:
    said = facts(file)
    if now < said.begins:
        return f"is not valid before {_day(said.begins)}"
    if said.expires <= now:
        return f"has expired on {_day(said.expires)}: clients refuse it"
    return f"expires on {_day(said.expires)}" if said.expires <= now + SOON else ""


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
