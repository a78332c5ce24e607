"""A snapshot in parts, each encoded by itself: what has not changed is neither sent nor read again.

The sections are the base (everything but the next two), the services by name, and the routes in
order.  A `Change` leads from one version to a later one; who does not have the first asks for all.

Beside what the operator has written stands what control finds out of the world, as live sections
by name: each is replaced whole, whichever version is in force, so that they need no versions.
"""

from typing import Final, TypeVar

import msgspec

from tta_gateway.kernel import registered
from tta_gateway.kernel.route import Route, Service
from tta_gateway.kernel.standing import Standing
from tta_gateway.snapshot.model import Snapshot

T = TypeVar("T", bound=msgspec.Struct)


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """A whole snapshot; `live` are the live sections."""

    version: int
    base: msgspec.Raw
    services: dict[str, msgspec.Raw]
    routes: list[msgspec.Raw]
    live: dict[str, msgspec.Raw] = {}


class RegisteredParts(msgspec.Struct, frozen=True, kw_only=True):
    """Registered routes (kernel/registered.py), each to be read by itself: there may be many."""

    routes: tuple[msgspec.Raw, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What leads from version `since` to `version`; nothing and None stand for what stays."""

    since: int
    version: int
    base: list[msgspec.Raw] = []
    services: dict[str, msgspec.Raw] = {}
    gone: list[str] = []
    routes: list[msgspec.Raw] | None = None


class Live(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Live sections as they are from now on, and the names of those that are no more."""

    sections: dict[str, msgspec.Raw] = {}
    gone: list[str] = []


CHANGE: Final = b"change"
"""Says on a channel that what follows is one."""
WHOLE: Final = b"snapshot"
"""Says on a channel that all of it follows."""
LIVE: Final = b"live"
"""Says on a channel that live sections follow."""
OWN: Final = "control/"
"""Begins the names of live sections that are for the next control alone."""
_encode = msgspec.msgpack.Encoder().encode
_parts = msgspec.msgpack.Decoder(Parts)
_change = msgspec.msgpack.Decoder(Change)
_live = msgspec.msgpack.Decoder(Live)
_base = msgspec.msgpack.Decoder(Snapshot)
_service = msgspec.msgpack.Decoder(Service)
_standing = msgspec.msgpack.Decoder(Standing)
_route = msgspec.msgpack.Decoder(Route)
_registered_parts = msgspec.msgpack.Decoder(RegisteredParts)


def parted(snapshot: Snapshot) -> Parts:
    """Return the snapshot in parts."""
    base = msgspec.structs.replace(snapshot, version=0, services=(), routes=())
    return Parts(
        version=snapshot.version,
        base=_raw(base),
        services={service.name: _raw(service) for service in snapshot.services},
        routes=[_raw(route) for route in snapshot.routes],
    )


def _raw(part: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(_encode(part))


def change(before: Parts, after: Parts) -> Change:
    """Return what leads from one to the other."""
    return Change(
        since=before.version,
        version=after.version,
        base=[] if after.base == before.base else [after.base],
        services={
            name: raw for name, raw in after.services.items() if before.services.get(name) != raw
        },
        gone=[name for name in before.services if name not in after.services],
        routes=None if after.routes == before.routes else after.routes,
    )


def changed(before: Parts, change: Change) -> Parts:
    """Return what comes of the parts; ValueError if the change begins with another version."""
    if change.since != before.version:
        raise ValueError(f"leads from version {change.since}, not from {before.version}")
    services = {**before.services, **change.services}
    for name in change.gone:
        del services[name]
    return Parts(
        version=change.version,
        base=change.base[0] if change.base else before.base,
        services=services,
        routes=before.routes if change.routes is None else change.routes,
        live=before.live,
    )


def revived(parts: Parts, live: Live) -> Parts:
    """Return the parts with these live sections in the place of those before."""
    kept = {name: raw for name, raw in parts.live.items() if name not in live.gone}
    return msgspec.structs.replace(parts, live={**kept, **live.sections})


def shared(live: Live) -> Live:
    """Return what of live sections is for everybody."""
    return Live(
        sections={name: raw for name, raw in live.sections.items() if not name.startswith(OWN)},
        gone=[name for name in live.gone if not name.startswith(OWN)],
    )


def base_of(parts: Parts) -> Snapshot:
    """Return the snapshot without its services and routes."""
    return msgspec.structs.replace(_base.decode(parts.base), version=parts.version)


def bound_of(parts: Parts, feature: str, kind: type[T]) -> T:
    """Return a feature's settings: the defaults in a snapshot that knows nothing of it."""
    raw = _base.decode(parts.base).features.get(feature)
    return kind() if raw is None else msgspec.msgpack.decode(raw, type=kind)


def service_of(raw: msgspec.Raw) -> Service:
    """Return a service; msgspec.DecodeError if it is none."""
    return _service.decode(raw)


def route_of(raw: msgspec.Raw) -> Route:
    """Return a route; msgspec.DecodeError if it is none."""
    return _route.decode(raw)


def standing_of(raw: msgspec.Raw) -> Standing:
    """Return a service's standing; msgspec.DecodeError if it is none."""
    return _standing.decode(raw)


def registered_parts_of(raw: msgspec.Raw) -> tuple[msgspec.Raw, ...]:
    """Return the routes that services have declared, each still to be read with `route_of`.

    msgspec.DecodeError if that is not what it holds.
    """
    return _registered_parts.decode(raw).routes


def routes_differ(before: Parts, after: Parts) -> bool:
    """Tell whether requests may be led elsewhere."""
    name = registered.SECTION
    return before.routes != after.routes or before.live.get(name) != after.live.get(name)


def whole(parts: Parts) -> Snapshot:
    """Return the snapshot; msgspec.DecodeError if a part cannot be read."""
    return msgspec.structs.replace(
        base_of(parts),
        services=tuple(service_of(raw) for raw in parts.services.values()),
        routes=tuple(route_of(raw) for raw in parts.routes),
    )


def decode_parts(data: bytes) -> Parts:
    """Return the parts that the bytes hold; msgspec.DecodeError if they hold none."""
    return _parts.decode(data)


def decode_change(data: bytes) -> Change:
    """Return the change that the bytes hold; msgspec.DecodeError if they hold none."""
    return _change.decode(data)


def decode_live(data: bytes) -> Live:
    """Return the live sections that the bytes hold; msgspec.DecodeError if they hold none."""
    return _live.decode(data)


def encoded(one: Parts | Change | Live) -> bytes:
    """Return it as bytes."""
    return _encode(one)
