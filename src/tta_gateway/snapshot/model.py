"""What the snapshot holds."""

from typing import Literal

import msgspec

from tta_gateway.kernel.route import Route, Service
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.support.valkey.topology import Store
from tta_gateway.wire.limits import Limits


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """One address that clients connect to; `trusted` are the networks of the operator's proxies."""

    host: str = ""
    port: int = 0
    unix: str = ""
    trusted: tuple[str, ...] = ()


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
    embedded: tuple[EmbeddedServer, ...] = ()
    features: dict[str, msgspec.Raw] = {}
