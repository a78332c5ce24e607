"""Services that have subscribed to `safety.*` where they register, as the guard finds them.

Registrations stand in live sections, which the supervisor keeps: so neither control nor a store is
asked, and a guard that begins anew knows them.  What the operator does not allow (any more) does
not count, whatever a section says.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from tta_gateway.features.escalation.bound import TOPIC, ServiceHook, subscriber
from tta_gateway.features.registration.bound import RegistrationBound
from tta_gateway.features.registration.record import Subscription, is_section
from tta_gateway.node.sections import Sections
from tta_gateway.snapshot.parts import Parts, bound_of
from tta_gateway.support.log import EventLog

MOST: Final = 4
"""paths of a service, those of the instances that are there longest: one for each version of it"""


class _Instance(msgspec.Struct, frozen=True):
    """Of a registration, what is asked here."""

    service: str
    since: float
    subscriptions: tuple[Subscription, ...] = ()


class _Known(msgspec.Struct, frozen=True):
    known: tuple[_Instance, ...]


_decode = msgspec.msgpack.Decoder(_Known).decode


class Subscribed:
    """Reads them; a section that has not changed is not read again."""

    def __init__(self, log: EventLog) -> None:
        """Tell there what cannot be read."""
        self._sections = Sections(log)
        self._raw: Mapping[str, msgspec.Raw] = {}
        self._read: dict[str, tuple[_Instance, ...]] = {}

    def is_changed(self, parts: Parts) -> bool:
        """Tell whether sections are others than at the last time."""
        return _sections(parts) != self._raw

    def hooks(self, parts: Parts) -> list[ServiceHook]:
        """Return who is to be told, by their names."""
        raw = _sections(parts)
        self._read = {
            name: self._read[name] if self._raw.get(name) == one else self._instances(name, one)
            for name, one in raw.items()
        }
        self._raw = raw
        secrets = bound_of(parts, "registration", RegistrationBound).safety
        found: dict[str, dict[str, None]] = {}
        instances = [one for read in self._read.values() for one in read]
        for one in sorted(instances, key=lambda one: one.since):
            paths = found.setdefault(one.service, {})
            paths.update((each.path, None) for each in one.subscriptions if each.events == TOPIC)
        return [
            subscriber(service, path, secrets[service])
            for service, paths in sorted(found.items())
            if service in secrets
            for path in list(paths)[:MOST]
        ]

    def _instances(self, name: str, raw: msgspec.Raw) -> tuple[_Instance, ...]:
        read = self._sections.read(name, raw, _decode)
        return () if read is None else tuple(one for one in read.known if one.subscriptions)


def _sections(parts: Parts) -> dict[str, msgspec.Raw]:
    return {name: raw for name, raw in parts.live.items() if is_section(name)}
