"""Credentials: how listeners and services speak TLS, with everything that it takes.

What the files hold goes into the snapshot, so that a worker needs none of them.
"""

import hashlib
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec.structs import replace

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.kernel.route import ServiceTls
from tta_gateway.settings import certificate, machine
from tta_gateway.settings.service import ServiceConfig
from tta_gateway.settings.tls import CertificateConfig, TlsConfig
from tta_gateway.snapshot.model import Certificate, ListenerTls
from tta_gateway.support.sql.url import DatabaseUrl
from tta_gateway.support.valkey.topology import Store

T = TypeVar("T")
_MACHINE: Final = ""  # stands for a file: that of the machine


class Credentials:
    """Reads the files of one configuration, and gathers the authorities, each lot once."""

    def __init__(self) -> None:
        """Begin with none."""
        self.authorities: dict[str, bytes] = {}  # by digest
        self._digests: dict[str, str] = {}  # by file
        self._read: dict[str, bytes] = {}  # likewise

    def listener(self, config: TlsConfig, *, internal: bool = False) -> ListenerTls:
        """Return how a listener speaks; ConfigError if a file is another since it was checked.

        At one that is `internal`, what clients show proves which service they are.
        """
        return ListenerTls(
            certificates=tuple(_certificate(one) for one in config.certificates),
            min_version=config.min_version,
            client_ca="" if config.client_ca is None else self._trusted(config.client_ca),
            proves=internal and config.client_ca is not None,
        )

    def service(self, config: ServiceConfig, withdrawn: tuple[str, ...] = ()) -> ServiceTls:
        """Return how a service is spoken to; ConfigError likewise.

        Certificates that are `withdrawn` count for none that must prove which it is.
        """
        shown = config.client_certificate or ""
        verified = config.verification.mode == "on"
        key = config.client_key or shown
        return ServiceTls(
            ca=self._trusted(config.ca or _MACHINE) if verified else "",
            server_name=config.server_name or "",
            spiffe_id=config.spiffe_id or "",
            certificate=shown,
            pem=_still(lambda: certificate.pair(shown, key)) if shown else b"",
            verified=verified,
            withdrawn=withdrawn if config.spiffe_id else (),
        )

    def store(self, store: Store) -> Store:
        """Return a store with the authorities of its server; ConfigError likewise."""
        login = store.login
        if not login.tls:
            return store
        pem = self._pem(login.ca or _MACHINE)
        return replace(store, login=replace(login, authorities=pem))

    def database(self, url: DatabaseUrl) -> DatabaseUrl:
        """Return a database with the authorities of its server; ConfigError likewise."""
        if not (url.encrypted and url.verified):
            return url
        return replace(url, authorities=self._pem(url.ca or _MACHINE))

    def _trusted(self, file: str) -> str:
        """Return the digest of the authorities of a file."""
        if file not in self._digests:
            pem = self._pem(file)
            digest = self._digests[file] = hashlib.sha256(pem).hexdigest()
            self.authorities[digest] = pem
        return self._digests[file]

    def _pem(self, file: str) -> bytes:
        if file not in self._read:
            self._read[file] = machine.authorities() if file == _MACHINE else _still(_reader(file))
        return self._read[file]


def _reader(file: str) -> Callable[[], bytes]:
    return lambda: certificate.trusted(file)


def _certificate(config: CertificateConfig) -> Certificate:
    path = config.certificate
    found, pem = _still(lambda: certificate.served(path, config.key or path))
    return Certificate(
        certificate=path, pem=pem, kind=found.kind, names=found.names, expires=found.expires
    )


def _still(read: Callable[[], T]) -> T:
    """Read what was good when it was checked, and may be another by now."""
    try:
        return read()
    except ValueError as error:
        words = f"{error}: it has changed since it was checked a moment ago; try again"
        raise ConfigError([words]) from None
