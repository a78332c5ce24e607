"""What control needs of the operator's settings to look at endpoints."""

from typing import Literal

import msgspec

Kind = Literal["http", "tcp", "websocket"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """How the endpoints of a service are looked at; times are in seconds.

    `port` 0 is the endpoint's own; no `status` stands for every 2xx; `body` is what must be so of
    the body (assertion.py), empty for nothing.
    """

    kind: Kind = "http"
    path: str = "/health"
    port: int = 0
    fields: tuple[tuple[str, str], ...] = ()
    status: tuple[int, ...] = ()
    body: str = ""
    max_body: int = 64 * 1024
    interval: float = 2.0
    timeout: float = 1.0
    jitter: float = 0.1
    unhealthy: int = 3
    healthy: int = 2


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A service that another depends on: it cannot work without a hard one."""

    service: str
    kind: Literal["hard", "soft"] = "hard"


class HealthBound(msgspec.Struct, frozen=True, kw_only=True):
    """By service: how it is looked at, and what it depends on."""

    checks: dict[str, Check] = {}
    needs: dict[str, tuple[Need, ...]] = {}
