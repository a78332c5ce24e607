"""Overheard: what would cross the network unencrypted, and says no reason why that may be.

It is refused: listeners, administration, services, stores, databases, registries, and whoever is
told of people in need or of alerts.  A reason is given where the thing is written, or for all of
its kind in `plaintext`.  Loopback and unix sockets are this machine.

Where a service is found is known only then: of `discover` there is a warning, and what is found
beyond this machine is left out (node/services.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from tta_gateway.settings.address import Address, is_here
from tta_gateway.settings.complaint import Complaint, Path, lines
from tta_gateway.settings.document import Document
from tta_gateway.settings.escalation import ContactConfig
from tta_gateway.settings.reaching import MailboxConfig
from tta_gateway.settings.secret import Secret
from tta_gateway.settings.service import ServiceConfig
from tta_gateway.settings.tree import Settings
from tta_gateway.settings.valkey_url import ValkeyUrl

Key: TypeAlias = Literal[
    "valkey_url",
    "cache_url",
    "database_url",
    "contacts",
    "listen",
    "services",
    "registries",
    "alerts",
]
"""What a reason is for: the fields of `PlaintextConfig`."""
_WRITTEN: Final = "what people write"


@dataclass(frozen=True, slots=True)
class _Way:
    """One that others may listen at: what a reason would be for, where it stands, what is wrong.

    `found`: it is not known before something is found whether there is such a way.
    """

    key: Key
    path: Path
    words: str
    found: bool = False


def complain(settings: Settings, document: Document) -> None:
    """Complain about each way that is in the clear, without a reason."""
    for way in _unexplained(settings):
        if not way.found:
            document.complain(way.path, way.words)


def warnings(settings: Settings, document: Document, file: str) -> list[str]:
    """Return a line for each service that may be found where it is left out."""
    found = [
        Complaint(document.place(way.path), way.path, f"warning: {way.words}")
        for way in _unexplained(settings)
        if way.found
    ]
    return lines(found, file)


def may_be_plain(service: ServiceConfig, settings: Settings) -> bool:
    """Tell whether there is a reason for which a service is spoken to in the clear."""
    return (service.plaintext or settings.plaintext.services) is not None


def _unexplained(settings: Settings) -> Iterator[_Way]:
    reasons = dict(settings.plaintext)
    for way in (*_to_stores(settings), *_to_contacts(settings), *_others(settings)):
        if reasons[way.key] is None:
            yield way


def _way(key: Key, path: Path, what: str, instead: str, *, beside: str = "") -> _Way:
    """Return a way; `beside` says where a reason for it alone may stand."""
    alone = f"`plaintext: …` {beside}, or " if beside else ""
    advice = f"write {instead}, or why nobody can listen there: {alone}`plaintext: {{{key}: …}}`"
    return _Way(key, path, f"{what} would cross the network unencrypted: {advice}")


def _to_stores(settings: Settings) -> Iterator[_Way]:
    stores: tuple[tuple[Key, Secret[ValkeyUrl] | None], ...] = (
        ("valkey_url", settings.valkey_url),
        ("cache_url", settings.cache_url),
    )
    for key, url in stores:
        if url is not None and _is_open(url.value):
            yield _way(key, (key,), "what is kept of people", "`rediss://…`")
    database = settings.database_url
    if database is not None and database.value.is_open:
        what = "what is known of people, for all that the server proves,"
        yield _way("database_url", ("database_url",), what, "`sslmode=verify-full`")


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
    if contact.mail is not None and _is_sent_openly(contact.mail):
        yield "mail", "`security: starttls` or `tls`"
    if contact.service is not None:
        for _, instead in _service_openly(contact.service.name, settings):
            yield "service", instead


def _service_openly(name: str, settings: Settings) -> Iterator[tuple[str, str]]:
    service = settings.services.get(name)  # settings/escalation.py complains where it lacks
    if service is not None and _is_asked_openly(service):
        yield "name", f"`https://…` where `{name}` is"


def _is_plain(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme != "https" and not is_here(parts.hostname or "")


def _is_sent_openly(mail: MailboxConfig) -> bool:
    return mail.security == "none" and not is_here(mail.host)


def _open_endpoints(service: ServiceConfig) -> Iterator[int]:
    """Yield which of a service's endpoints are spoken to in the clear."""
    for number, one in enumerate(service.endpoints):
        if _is_spoken_openly(one.url):
            yield number


def _is_asked_openly(service: ServiceConfig) -> bool:
    return _is_found_openly(service) or bool(list(_open_endpoints(service)))


def _is_found_openly(service: ServiceConfig) -> bool:
    return service.discover is not None and service.discover.scheme == "http"


def _is_spoken_openly(address: Address) -> bool:
    return _is_beyond(address) and not address.is_encrypted


def _is_beyond(address: Address) -> bool:
    return not address.unix and not is_here(address.host)


def _others(settings: Settings) -> Iterator[_Way]:
    yield from _to_listeners(settings)
    for name, service in settings.services.items():
        if service.plaintext is None:
            yield from _to_service(name, service)
    yield from _to_registries(settings)
    yield from _to_receivers(settings)


def _to_listeners(settings: Settings) -> Iterator[_Way]:
    for number, listener in enumerate(settings.listen):
        is_plain = listener.tls is None and not listener.redirect_to_https
        if is_plain and listener.plaintext is None and _is_beyond(listener.address):
            path: Path = ("listen", number)
            beside = "beside its `address`"
            yield _way("listen", path, _WRITTEN, f"`tls` {beside}", beside=beside)
    others = (
        ("admin", settings.admin, "tokens of operators"),
        ("probe", settings.probe, "how the node is"),
    )
    for key, address, what in others:
        if address is not None and _is_beyond(address):
            yield _way("listen", (key,), what, "an address of this machine")


def _to_service(name: str, service: ServiceConfig) -> Iterator[_Way]:
    at: Path = ("services", name)
    for number in _open_endpoints(service):
        path: Path = (*at, "endpoints", number)
        yield _way("services", path, _WRITTEN, "`https://…`", beside=f"below `{name}`")
    if _is_found_openly(service):
        words = (
            "what is found beyond this machine is left out, since it would be spoken to "
            "unencrypted: write `scheme: https`, or why nobody can listen there: `plaintext: …` "
            f"below `{name}`, or `plaintext: {{services: …}}`"
        )
        yield _Way("services", (*at, "discover"), words, found=True)


def _to_registries(settings: Settings) -> Iterator[_Way]:
    """Yield registries in which a service is looked for."""
    looked = [one.discover for one in settings.services.values() if one.discover is not None]
    config = settings.discovery
    asked: tuple[tuple[Path, list[Address], bool], ...] = (
        (("consul", "address"), [config.consul.address], any(one.consul for one in looked)),
        (("etcd", "endpoints"), list(config.etcd.endpoints), any(one.etcd for one in looked)),
        (
            ("kubernetes", "address"),
            [config.kubernetes.address],
            any(one.kubernetes for one in looked),
        ),
        (("docker", "address"), [config.docker.address], any(one.docker for one in looked)),
    )
    for path, addresses, is_asked in asked:
        if is_asked and any(map(_is_spoken_openly, addresses)):
            what = "what says where services are"
            yield _way("registries", ("discovery", *path), what, "`https://…`")


def _to_receivers(settings: Settings) -> Iterator[_Way]:
    receivers = {
        "alertmanagers": [one.url for one in settings.alerts.alertmanagers],
        "webhooks": [one.url for one in settings.alerts.webhooks],
    }
    for kind, urls in receivers.items():
        for number, url in enumerate(urls):
            if _is_plain(url.value):
                yield _way("alerts", ("alerts", kind, number, "url"), "alerts", "`https://…`")
    for number, mail in enumerate(settings.alerts.mail):
        if _is_sent_openly(mail):
            instead = "`security: starttls` or `tls`"
            yield _way("alerts", ("alerts", "mail", number, "security"), "alerts", instead)
