"""Tethers: WebSockets of a route that outlive the connections of either side."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, TypeAlias

from pydantic import Field

from tta_gateway.features.tether.bound import RECEIVED, RESUME, SOCKET, TetherBound
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.identity import Parameter
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, Duration, DurationOrZero, Size

OURS: Final = (RESUME, RECEIVED)
_BOUND: Final = TetherBound()
_NAME: Final = r"[a-z][a-z0-9_-]{0,31}:\{[A-Za-z0-9_]{1,64}\}"
_TEXT: Final = {"type": "string", "pattern": f"^{_NAME}$"}


class BindingConfig(Config):
    """The channel that a socket is bound to, both ways."""

    name: Annotated[str, Field(pattern=f"^{_NAME}$")]
    """A kind of channels of `realtime.channels`, such as `session:{session_id}`: what stands in
    braces is a parameter of the route's path, or else of the query; who names none is not bound."""

    to_service: bool = _BOUND.serves
    """Whether what members of the channel publish goes to the service too, by one of the sockets
    that are bound to it."""


_Binding: TypeAlias = Annotated[BindingConfig, Shorthand(lambda value: {"name": value}, _TEXT)]


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

    channel: _Binding | None = None
    """The channel in which all hear what is said at the socket, and whose members its client hears;
    its name alone will do.  Left out, the socket is bound to none."""


def socket_of(config: TetherConfig | None) -> str:
    """Return what answers the WebSockets of a route in its service's place; empty: nothing does."""
    return "" if config is None else SOCKET


def compiled(config: TetherConfig) -> TetherBound:
    """Return it as workers need it."""
    written = {**dict(config), "session": config.session or ""}
    bound = config.channel
    if bound is None:
        return TetherBound(**{**written, "channel": ""})
    prefix, parameter = bound.name.rstrip("}").split("{")
    return TetherBound(
        **{**written, "channel": prefix, "parameter": parameter, "serves": bound.to_service}
    )


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


def of_channels(tree: Mapping[str, Value]) -> Iterator[tuple[Path, str]]:
    """Complain about sockets that are bound to channels that are not there, or keep nothing."""
    realtime = tree.get("realtime")
    known = realtime.get("channels") if isinstance(realtime, dict) else None
    channels = known if isinstance(known, dict) else {}
    routes = tree.get("routes")
    for index, route in enumerate(routes if isinstance(routes, list) else ()):
        written = route.get("tether") if isinstance(route, dict) else None
        bound = written.get("channel") if isinstance(written, dict) else None
        name = bound.get("name") if isinstance(bound, dict) else bound
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            continue
        where: Path = ("routes", index, "tether", "channel")
        kinds = [one for one in channels if one.partition(":")[0] == name.partition(":")[0]]
        if not kinds:
            kind = name.partition(":")[0]
            yield (
                where,
                f"there are no channels `{kind}`: write `realtime.channels`",
            )
            continue
        channel = channels[kinds[0]]
        keeps = isinstance(channel, dict) and channel.get("keep") is not None
        if isinstance(bound, dict) and bound.get("to_service") is True and not keeps:
            yield (
                (*where, "to_service"),
                f"needs what is kept to tell messages apart: write `keep` at `{kinds[0]}`",
            )
