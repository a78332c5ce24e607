"""Standings: how a service's endpoints are, as control finds out and tells every worker."""

from typing import Literal

import msgspec

from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Endpoint

State = Literal["up", "unproved", "starting", "down", "draining"]
"""`starting` has not passed a check yet, `draining` finishes what it has: neither is asked anew.

`unproved` are endpoints of the configuration that have not been checked since the gateway knows of
them: they may have been at work for long, and are asked where nobody of the service is up yet.
"""


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as whoever knows of it tells: `id` is its name there, unique in its service.

    `routes` are there as long as it is; `since` is when it was told of first, where that is known.
    """

    id: str
    endpoint: Endpoint
    draining: bool = False
    routes: tuple[Declared, ...] = ()
    since: float = 0.0


class RefusedInstance(msgspec.Struct, frozen=True, kw_only=True):
    """An instance that is told of and not taken, by its endpoint's name, and why."""

    source: str
    service: str
    endpoint: str
    reason: str


def spoken(one: Instance, *, tls: bool) -> Instance:
    """Return an instance that TLS is spoken to, or not."""
    return msgspec.structs.replace(one, endpoint=msgspec.structs.replace(one.endpoint, tls=tls))


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint: `since` says when its state began, in seconds since the epoch.

    `fresh` says that it was up since then for the first time, or again, while this gateway ran:
    it is given more to do little by little.  `ejected_until` is when a worker's ejection ends;
    those of before `cleared` are over, because its checks have passed since.
    `ejections` says the how many-eth in a row the last one is, whoever decided it.  `slow_since` is
    when all workers together found the endpoint `slow_ratio` times as slow as the best of its
    peers: each gives it but probes, until its own say otherwise.
    `source` and `id` are who told of it and under which name, for the next control.
    """

    endpoint: Endpoint
    state: State = "up"
    since: float = 0.0
    fresh: bool = False
    ejected_until: float = 0.0
    cleared: float = 0.0
    ejections: int = 0
    slow_since: float = 0.0
    slow_ratio: float = 0.0
    source: str = ""
    id: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A service: its endpoints, what it needs and lacks (`down`), and what it does without.

    `down` and `degraded` hold names of other services that it depends on, hard or soft.  `open`
    says until when the breaker of each route is open that is, in seconds since the epoch.
    """

    endpoints: tuple[Stand, ...]
    down: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    open: dict[str, float] = {}


def section(service: str) -> str:
    """Return the name of the live section that holds a service's standing."""
    return f"service/{service}"
