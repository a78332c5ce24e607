"""What the snapshot holds."""

import msgspec

from tta_gateway.kernel.route import Route, Service
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.wire.limits import Limits


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """One address that clients connect to; `trusted` are the networks of the operator's proxies."""

    host: str = ""
    port: int = 0
    unix: str = ""
    trusted: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, compiled.

    `workers` 0 is one for each core; `open_metrics`: whoever reaches the admin address may read
    them; `features` holds each feature's bound struct, encoded.
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
    features: dict[str, msgspec.Raw] = {}
