"""Beginning: what workers know of services and tokens at a start of the whole, before control.

Control would put back what is kept of registries (node/keepsake.py), but comes after the workers.
So the command has the same parts put it together, and gives it on with the snapshot.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import msgspec

from tta_gateway.features.discovery.bound import DiscoveryBound
from tta_gateway.features.erasure.bound import STORE_KEYS
from tta_gateway.features.health.bound import HealthBound
from tta_gateway.features.identity.bound import API_KEYS, ISSUER_KEYS, KEYS, REVOKED, IdentityBound
from tta_gateway.features.registration.bound import RegistrationBound
from tta_gateway.kernel.registered import REGISTRATION
from tta_gateway.kernel.standing import spoken
from tta_gateway.node.claiming import Claiming
from tta_gateway.node.findings import Findings
from tta_gateway.node.keepsake import read
from tta_gateway.node.own_addresses import own_of
from tta_gateway.node.remembered import Remembered, remembered_of
from tta_gateway.node.services import Services
from tta_gateway.snapshot.parts import Parts, base_of, bound_of, decode_parts, encoded, service_of
from tta_gateway.snapshot.sealed import KEY
from tta_gateway.support.bus import Bus
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.log import EventLog


class _Told:
    """Takes what workers are told.  What the log is told, control says again."""

    def __init__(self) -> None:
        self.sections: dict[str, msgspec.Raw] = {}

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Take a live section."""
        if finding is not None:
            self.sections[name] = msgspec.Raw(msgspec.msgpack.encode(finding))

    def event(self, name: str, **fields: object) -> None:
        """Hear a line, and leave it at that."""


def begun(data: bytes, state: Path, *, wall: Callable[[], float]) -> bytes:
    """Return an encoded snapshot with what is kept of its services, if anything can be read.

    Whatever is wrong with that, control says, when it reads it.
    """
    try:
        kept = read(state, (state / KEY).read_bytes())
    except (OSError, NotSealed, msgspec.DecodeError):
        return data
    parts = decode_parts(data)
    found = dict(_wanted(parts, remembered_of({name: msgspec.Raw(kept[name]) for name in kept})))
    told = _told(parts, found, wall) if found else {}
    live = {**told, **_of_tokens(parts, kept)}
    return encoded(msgspec.structs.replace(parts, live=live)) if live else data


def _of_tokens(parts: Parts, kept: dict[str, bytes]) -> dict[str, msgspec.Raw]:
    """Return what is kept of the gateway's own tokens, if it issues any, and of others' keys.

    The keys of what stands in the store for state are among them.
    """
    bound = bound_of(parts, "identity", IdentityBound)
    asked = {f"{ISSUER_KEYS}{one.name}" for one in bound.issuers if one.source is not None}
    issues = bound.issuing is not None
    return {
        name: msgspec.Raw(raw)
        for name, raw in kept.items()
        if name == STORE_KEYS
        or name in asked
        or (issues and (name == KEYS or name.startswith((REVOKED, API_KEYS))))
    }


def _told(
    parts: Parts, found: dict[str, Remembered], wall: Callable[[], float]
) -> dict[str, msgspec.Raw]:
    """Return what workers are told."""
    told = _Told()
    services = Services(cast("Findings", told), Bus(), wall=wall)
    claiming = Claiming(services, cast("Findings", told), cast("EventLog", told))
    services.recover({}, found)
    checks = bound_of(parts, "health", HealthBound).checks
    known = [service_of(raw) for raw in parts.services.values()]
    own = own_of(base_of(parts))
    services.adopt(known, checked=lambda one: one.name in checks, own=own)
    claiming.adopt(parts)
    return told.sections


def _wanted(parts: Parts, found: dict[str, Remembered]) -> Iterator[tuple[str, Remembered]]:
    """Yield what this configuration still has looked for, spoken to as it says."""
    discovery = bound_of(parts, "discovery", DiscoveryBound)
    claims = bound_of(parts, "registration", RegistrationBound).claims
    may_register = {service for claim in claims for service in claim.services}
    for name in found.keys() & parts.services.keys():
        wanted = discovery.services.get(name)
        looked_in = set[str]() if wanted is None else wanted.sources(name)
        tls = wanted is not None and wanted.tls
        sources = {}
        for source, instances in found[name].sources.items():
            if source in looked_in:
                sources[source] = tuple(spoken(one, tls=tls) for one in instances)
            elif source == REGISTRATION and name in may_register:
                sources[source] = instances
        resolved = found[name].resolved if discovery.resolve else {}
        if sources or resolved:
            yield name, Remembered(sources=sources, resolved=resolved)
