"""Overheard: what would cross the network unencrypted, and says no reason why that may be.

A store and a contact beyond this machine are refused so: what they are told is about people in
need.  Of listeners, services and receivers of alerts there are warnings, since something that the
configuration does not see (a tunnel, a mesh) may lie between.  A database is never asked in the
clear: support/sql/url.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from tta_gateway.settings.address import Address, is_here
from tta_gateway.settings.complaint import Complaint, Path, lines
from tta_gateway.settings.document import Document
from tta_gateway.settings.escalation import ContactConfig
from tta_gateway.settings.secret import Secret
from tta_gateway.settings.service import ServiceConfig
from tta_gateway.settings.tree import Settings
from tta_gateway.settings.valkey_url import ValkeyUrl

Key: TypeAlias = Literal["valkey_url", "cache_url", "contacts", "listen", "services", "alerts"]
"""What a reason is for: the fields of `PlaintextConfig`."""
_REFUSED: Final[frozenset[Key]] = frozenset(("valkey_url", "cache_url", "contacts"))


@dataclass(frozen=True, slots=True)
class _Way:
    """One that others may listen at: what a reason would be for, where it stands, what is wrong."""

    key: Key
    path: Path
    words: str


def complain(settings: Settings, document: Document) -> None:
    """Complain about each store and each contact that is told in the clear, without a reason."""
    for way in _unexplained(settings):
        if way.key in _REFUSED:
            document.complain(way.path, way.words)


def warnings(settings: Settings, document: Document, file: str) -> list[str]:
    """Return a line for each other way that is in the clear, without a reason."""
    found = [
        Complaint(document.place(way.path), way.path, f"warning: {way.words}")
        for way in _unexplained(settings)
        if way.key not in _REFUSED
    ]
    return lines(found, file)


def _unexplained(settings: Settings) -> Iterator[_Way]:
    reasons = dict(settings.plaintext)
    for way in (*_to_stores(settings), *_to_contacts(settings), *_others(settings)):
        if reasons[way.key] is None:
            yield way


def _way(key: Key, path: Path, what: str, instead: str) -> _Way:
    advice = f"write {instead}, or in `plaintext: {{{key}: …}}` why nobody can listen there"
    return _Way(key, path, f"{what} would cross the network unencrypted: {advice}")


def _to_stores(settings: Settings) -> Iterator[_Way]:
    stores: tuple[tuple[Key, Secret[ValkeyUrl] | None], ...] = (
        ("valkey_url", settings.valkey_url),
        ("cache_url", settings.cache_url),
    )
    for key, url in stores:
        if url is not None and _is_open(url.value):
            yield _way(key, (key,), "what is kept of people", "`rediss://…`")


def _is_open(url: ValkeyUrl) -> bool:
    beyond = [one for one in url.store.addresses if not one.unix and not is_here(one.host)]
    return bool(beyond) and not url.store.login.tls


def _to_contacts(settings: Settings) -> Iterator[_Way]:
    for name, contact in settings.escalation.contacts.items():
        for key, instead in _told_openly(contact, settings):
            path: Path = ("escalation", "contacts", name, key)
            yield _way("contacts", path, "notices, which say who may be in need,", instead)
    for number, one in enumerate(settings.escalation.subscribers):
        for key, instead in _service_openly(one.name, settings):
            path = ("escalation", "subscribers", number, key)
            yield _way("contacts", path, "notices, which say who may be in need,", instead)


def _told_openly(contact: ContactConfig, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield how a contact is told in the clear, and what to write instead."""
    if contact.webhook is not None and _is_plain(contact.webhook.url.value):
        yield "webhook", "a `url` of `https://…`"
    if contact.service is not None:
        for _, instead in _service_openly(contact.service.name, settings):
            yield "service", instead


def _service_openly(name: str, settings: Settings) -> Iterator[tuple[str, str]]:
    service = settings.services.get(name)  # settings/escalation.py complains where it lacks
    if service is not None and any(_heard_at(service)):
        yield "name", f"`https://…` where `{name}` is"


def _is_plain(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme != "https" and not is_here(parts.hostname or "")


def _heard_at(service: ServiceConfig) -> Iterator[tuple[Path, str]]:
    """Yield where it stands that a service is spoken to in the clear, and what to write there."""
    for number, one in enumerate(service.endpoints):
        if _is_beyond(one.url) and not one.url.is_encrypted:
            yield ("endpoints", number), "`https://…`"
    if service.discover is not None and service.discover.scheme == "http":
        yield ("discover",), "`scheme: https`"


def _is_beyond(address: Address) -> bool:
    return not address.unix and not is_here(address.host)


def _others(settings: Settings) -> Iterator[_Way]:
    for number, listener in enumerate(settings.listen):
        is_plain = listener.tls is None and not listener.redirect_to_https
        if is_plain and _is_beyond(listener.address):
            yield _way("listen", ("listen", number), "what people write", "`tls` here")
    if settings.admin is not None and _is_beyond(settings.admin):
        yield _way("listen", ("admin",), "tokens of operators", "an address of this machine")
    for name, service in settings.services.items():
        for path, instead in _heard_at(service):
            yield _way("services", ("services", name, *path), "what people write", instead)
    yield from _to_receivers(settings)


def _to_receivers(settings: Settings) -> Iterator[_Way]:
    receivers = {
        "alertmanagers": [one.url for one in settings.alerts.alertmanagers],
        "webhooks": [one.url for one in settings.alerts.webhooks],
    }
    for kind, urls in receivers.items():
        for number, url in enumerate(urls):
            if _is_plain(url.value):
                yield _way("alerts", ("alerts", kind, number, "url"), "alerts", "`https://…`")
