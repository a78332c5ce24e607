"""What the snapshot holds."""

from typing import Final, Literal

import msgspec

from tta_gateway.kernel.route import Route, Service
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.support.file_stamp import FileStamp
from tta_gateway.support.sql.url import DatabaseUrl
from tta_gateway.support.valkey.topology import Store
from tta_gateway.wire.limits import Limits

SOON: Final = 14 * 24 * 3600.0
"""Seconds before the end of a certificate from which on it is told of."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with its chain and its key, as they were when they were checked.

    `pem` holds all of it: a worker can start whatever has become of the files since.  `certificate`
    is the file's path, which operators know it by; `kind` is that of the key, `names` those that it
    is made out to; `expires` is in seconds since the epoch.
    """

    certificate: str
    pem: bytes
    kind: str
    names: tuple[str, ...]
    expires: float

    def __repr__(self) -> str:
        """Say which it is, and nothing of the key."""
        return f"<certificate {self.certificate}>"


class ListenerTls(msgspec.Struct, frozen=True, kw_only=True):
    """How a listener speaks TLS; `client_ca` names the authorities whose clients alone may connect.

    They stand in the snapshot under that name.  `proves`: clients are services, each of whose
    connections shows its certificate anew.
    """

    certificates: tuple[Certificate, ...]
    min_version: Literal["1.2", "1.3"] = "1.2"
    client_ca: str = ""
    proves: bool = False


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """One address that clients connect to; `trusted` are the networks of the operator's proxies.

    `redirect_port` is where clients are sent that speak plain HTTP, 0 if they are served.
    `internal`: services connect there, and internal routes alone are served.
    """

    host: str = ""
    port: int = 0
    unix: str = ""
    trusted: tuple[str, ...] = ()
    tls: ListenerTls | None = None
    proxy_protocol: bool = False
    redirect_port: int = 0
    internal: bool = False


class SecretFile(msgspec.Struct, frozen=True):
    """A file that a secret was read from, and what told it apart then (support/file_stamp.py)."""

    path: str
    stamp: FileStamp


class EmbeddedServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server that the supervisor starts; `durable`: every write waits for the disk."""

    name: Literal["state", "cache"]
    max_memory: int
    durable: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, compiled.

    `workers` 0 is one for each core; `open_metrics`: whoever reaches the admin address may read
    them; `features` holds each feature's bound struct, encoded.
    `state` and `cache` are the stores in Valkey; `embedded` are those that the supervisor starts.
    `database` is the PostgreSQL that the operator names; None: SQLite in the state folder.
    `authorities` are certificates that are trusted, in PEM, by the digest of them that listeners
    and services name.
    `secret_files` are watched: what stood in them is part of this.
    `encryption_keys` wrap data keys, the newest first; none: the one of the state folder does.
    `may_be_unsealed`: without any, content stands in a store that others share in clear.
    `volatile_journal`: the journal may stand in memory.
    """

    version: int
    state_dir: str
    workers: int = 0
    probe: Listener | None = None
    admin: Listener | None = None
    open_metrics: bool = False
    listeners: tuple[Listener, ...]
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    limits: Limits = Limits()
    client_timeouts: ClientTimeouts = ClientTimeouts()
    connections: ConnectionLimits = ConnectionLimits()
    state: Store | None = None
    cache: Store | None = None
    database: DatabaseUrl | None = None
    embedded: tuple[EmbeddedServer, ...] = ()
    authorities: dict[str, bytes] = {}
    secret_files: tuple[SecretFile, ...] = ()
    encryption_keys: tuple[bytes, ...] = ()
    may_be_unsealed: bool = False
    volatile_journal: bool = False
    features: dict[str, msgspec.Raw] = {}
