"""Tethers: WebSockets of a route that outlive the connections of either side."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import Field

from tta_gateway.features.tether.bound import RECEIVED, RESUME, SOCKET, TetherBound
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.identity import Parameter
from tta_gateway.support.config import Config, Duration, DurationOrZero, Size

OURS: Final = (RESUME, RECEIVED)
_BOUND: Final = TetherBound()


class TetherConfig(Config):
    """How a socket that the gateway keeps outlives the connections of its two sides."""

    first_message: DurationOrZero = _BOUND.first_message
    """How long a client that has shown no token may take to say one as its first message,
    `{"type": "auth", "token": …}`; 0: it must show it in the request."""

    resume: Duration = _BOUND.resume
    """How long what belongs to a client that is away is kept, and its service's socket stays."""

    reattach: Duration = _BOUND.reattach
    """How long a service that is away is looked for, before clients are told to try later."""

    messages: Annotated[int, Field(ge=1, le=100_000)] = _BOUND.messages
    """How many messages are kept in each direction for whoever is away."""

    size: Size = _BOUND.size
    """How large they may be together."""

    session: Parameter | None = _BOUND.session
    """The parameter of the query by which a person's client comes back that has no resume token;
    null: none does."""

    events: bool = _BOUND.events
    """Whether clients are told what happens to their connection, in messages of their own."""


def socket_of(config: TetherConfig | None) -> str:
    """Return what answers the WebSockets of a route in its service's place; empty: nothing does."""
    return "" if config is None else SOCKET


def compiled(config: TetherConfig) -> TetherBound:
    """Return it as workers need it."""
    return TetherBound(**{**dict(config), "session": config.session or ""})


def complaints(route: Mapping[str, Value]) -> Iterator[tuple[Path, str]]:
    """Complain about what a route's tether does not go with."""
    tether = route.get("tether")
    if not isinstance(tether, dict):
        return
    upgrade = route.get("upgrade", ["websocket"])
    if (isinstance(upgrade, list) and "websocket" not in upgrade) or upgrade == "off":
        yield ("tether",), "has no effect: no WebSocket is opened here; take it out"
    if route.get("auth_ticket") is True:
        yield (
            ("tether",),
            "does not go with `auth_ticket`: a ticket opens one socket once, and a tether opens "
            "the service's again; take one of them out",
        )
    waits = tether.get("first_message")
    if waits and route.get("auth", "required") != "required":
        yield (
            ("tether", "first_message"),
            "has no effect without `auth: required`: nobody is asked for a token; take it out",
        )
    if tether.get("session") in OURS:
        yield (
            ("tether", "session"),
            f"`{tether['session']}` is a parameter of the gateway's own here: choose another",
        )
