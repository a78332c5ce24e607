"""Services that are asked about channels and connections, as operators write it.

They speak Centrifugo's proxy contract over HTTP, so that one that was written for that works.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Final, TypeAlias

import msgspec
from pydantic import AfterValidator, Field

from tta_gateway.features.health.config import CheckPath
from tta_gateway.features.realtime.bound import Question
from tta_gateway.kernel.route import Rewrite, Route, Timeouts
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest
from tta_gateway.settings.route import CREDENTIALS, FreeName
from tta_gateway.support.config import Config, Duration, Items

Tree: TypeAlias = Mapping[str, Value]
RouteTo: TypeAlias = Callable[[str], Route]
"""returns the route to a service of which nothing more is said"""
_CLASS: Final = "admission"
_CONNECT: Final = 1.0  # seconds
_LONGEST_OF_MESSAGES: Final = 2.0
"""seconds: the store and its disk, for the record and for letters, may take 7 more; and behind 10
(features/realtime/hub.py) a client would hear that what was published was not"""
_OFFER: Final = "sec-websocket-protocol"  # pages show their token in it
_OF_CHANNELS: Final = ("subscribe", "publish")
_OF_CONNECTIONS: Final = ("connect", "refresh")


def _told(name: str) -> str:
    if name in CREDENTIALS or name == _OFFER:
        raise ValueError(
            f"`{name}` shows who asks, and the gateway alone says that: take it out (a service is "
            "told `authorization` and `cookie` as on its routes)"
        )
    return name


ToldName: TypeAlias = Annotated[FreeName, AfterValidator(_told)]


class AskConfig(Config):
    """A service that is asked, in the contract of Centrifugo's proxy (HTTP and JSON)."""

    service: str
    """The service that is asked, by its name in `services`."""

    path: CheckPath
    """What is asked of it: `/centrifugo/publish`."""

    timeout: Annotated[Duration, Field(ge=0.05, le=8.0)] = 1.0
    """How long it may take; the client hears of a later answer that it may ask again."""

    headers: Items[ToldName] = ()
    """Header fields of the request by which the client came that it is told too; who asks
    (`Authorization`, `Cookie`), `X-Request-ID`, `traceparent` and the way here are always told."""

    emulated_headers: Items[ToldName] = ()
    """Of the fields that clients write into their connect command (`headers` of SDKs), those that
    it is told where the request has none: nobody has looked at them."""


class AskOfMessagesConfig(AskConfig):
    """A service that is asked about what is to be published."""

    timeout: Annotated[Duration, Field(ge=0.05, le=_LONGEST_OF_MESSAGES)] = 1.0
    """How long it may take; the client hears of a later answer that it may ask again."""


def question(
    config: AskConfig | None, name: str, route_to: RouteTo, rule: Route | None = None
) -> Question | None:
    """Return what asks a service, as much as the rule depends on it; None if none is asked."""
    if config is None:
        return None
    plain, limit = route_to(config.service), config.timeout
    features = dict(plain.features)
    if rule is not None and _CLASS in rule.features:
        features[_CLASS] = rule.features[_CLASS]
    route = msgspec.structs.replace(
        plain,
        name=f"ask: {name}",
        path=config.path,
        methods=("POST",),
        rewrite=Rewrite(),
        upgrade=(),
        origins=(),
        fallback=None,
        timeouts=Timeouts(
            connect=min(_CONNECT, limit), first_byte=limit, total=limit, idle=limit, body_idle=limit
        ),
        features=features,
    )
    return Question(route=route, fields=config.headers, told_fields=config.emulated_headers)


def complaints(realtime: Tree, services: Tree) -> Iterator[tuple[Path, str]]:
    """Complain about services that there are not."""
    for where, written in _asked(realtime):
        service = written.get("service")
        if isinstance(service, str) and service not in services:
            sentence = f"there is no service `{service}`: {nearest(service, services)}"
            yield ("realtime", *where, "service"), sentence


def _asked(realtime: Tree) -> Iterator[tuple[Path, Tree]]:
    for operation in _OF_CONNECTIONS:
        yield (operation,), _mapping(realtime.get(operation))
    for name, channel in _mapping(realtime.get("channels")).items():
        for operation in _OF_CHANNELS:
            rule = _mapping(_mapping(channel).get(operation))
            yield ("channels", name, operation, "ask"), _mapping(rule.get("ask"))
    for name, procedure in _mapping(realtime.get("procedures")).items():
        yield ("procedures", name, "ask"), _mapping(_mapping(procedure).get("ask"))


def _mapping(value: Value) -> Tree:
    return value if isinstance(value, dict) else {}
