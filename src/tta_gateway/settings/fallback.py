"""Fallbacks: what answers while a service cannot be asked."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Final, TypeAlias

import msgspec
from pydantic import AfterValidator, Field

from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Breaker, Fallback, Respond
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, FieldValue

_RESPOND: Final = Respond()


def final(status: int) -> int:
    """Return the status of an answer of ours; ValueError if it leaves no room for a body."""
    if status in (204, 205, 304):
        raise ValueError("leaves no room for a body: choose another, or let a service answer")
    return status


class StandInConfig(Config):
    """A fixed answer in a service's place."""

    status: Annotated[int, Field(ge=200, le=599), AfterValidator(final)] = _RESPOND.status
    """Its status."""

    body: str = _RESPOND.body
    """Its body."""

    content_type: FieldValue = _RESPOND.content_type
    """What the body is."""


class FallbackConfig(Config):
    """What answers while the breaker is open, or no endpoint can be asked: one of the two."""

    respond: StandInConfig | None = None
    """A fixed answer, marked with `X-Degraded`."""

    service: str | None = None
    """Another service, which gets the request as it is; its own breaker and fallback apply."""


WrittenFallback: TypeAlias = Annotated[
    FallbackConfig,
    Shorthand(lambda value: {"service": value}, {"title": "name", "type": "string"}),
]
Of: TypeAlias = Callable[[str], tuple[Breaker | None, FallbackConfig | None]]


def compiled(
    config: FallbackConfig | None, of: Of, before: frozenset[str] = frozenset()
) -> Fallback | None:
    """Return what a worker needs of it; `of` tells a service's own breaker and fallback.

    One that the rules refuse, for want of an end or of all it could hold, is none.
    """
    if config is None:
        return None
    if config.respond is not None:
        return Fallback(respond=Respond(**dict(config.respond)))
    name = config.service
    if name is None or name in before:
        return None
    breaker, after = of(name)
    return Fallback(service=name, breaker=breaker, fallback=compiled(after, of, before | {name}))


# --- rules: what must agree (settings/rules.py) ---------------------------------------------------

_Mapping: TypeAlias = Mapping[str, Value]
_KEY: Final = "fallback"


class Leads(msgspec.Struct, frozen=True):
    """Where a fallback leads, as it is written: the service, and the path of the key that says."""

    service: str
    path: Path


def check(owner: _Mapping, service: str, services: _Mapping) -> Iterator[tuple[Path, str]]:
    """Complain about the fallback of a route to a service, or of the service itself."""
    written = owner.get(_KEY)
    if isinstance(written, dict) and (written.get("respond") is None) == (
        written.get("service") is None
    ):
        yield (_KEY,), "must hold one of `respond` and `service`"
        return
    leads = _leads(written)
    if leads is None:
        return
    if leads.service == OWN:
        yield leads.path, f"`{OWN}` cannot stand in for another service: name one of `services`"
    elif leads.service not in services:
        sentence = f"there is no service `{leads.service}`: {nearest(leads.service, services)}"
        yield leads.path, sentence
    else:
        way = _way(service, leads.service, services)
        if way[-1] in way[:-1]:
            told = " → ".join(f"`{one}`" for one in way)
            yield leads.path, f"leads in a circle: {told}; let one of them `respond`"


def _of(service: Value) -> Value:
    return service.get(_KEY) if isinstance(service, dict) else None


def _leads(written: Value) -> Leads | None:
    if isinstance(written, str):
        return Leads(written, (_KEY,))
    name = written.get("service") if isinstance(written, dict) else None
    return Leads(name, (_KEY, "service")) if isinstance(name, str) else None


def _way(service: str, first: str, services: _Mapping) -> list[str]:
    """Return the services that stand in one for the other, up to one that comes again, if any."""
    way = [service, first]
    while way[-1] not in way[:-1]:
        leads = _leads(_of(services.get(way[-1])))
        if leads is None:
            break
        way.append(leads.service)
    return way
