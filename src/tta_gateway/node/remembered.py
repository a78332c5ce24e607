"""Remembered: what registries have said of a service, for the next control or gateway."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tta_gateway.kernel.standing import Instance
from tta_gateway.snapshot.parts import OWN

PREFIX: Final = f"{OWN}found/"
"""Begins the names of the live sections that hold it, one for each service."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """All instances by source, and by each host and port of the configuration that is resolved.

    `at` is when any of it last changed, in seconds since the epoch.
    """

    sources: dict[str, tuple[Instance, ...]] = {}
    resolved: dict[str, tuple[Instance, ...]] = {}
    at: float = 0.0


def section(service: str) -> str:
    """Return the name of the live section that holds what is known of a service."""
    return f"{PREFIX}{service}"


_remembered = msgspec.msgpack.Decoder(Remembered).decode


def remembered_of(live: Mapping[str, msgspec.Raw]) -> dict[str, Remembered]:
    """Return what is known, by service; what another version of the gateway has said is not."""
    found = {}
    for name, raw in live.items():
        if name.startswith(PREFIX):
            try:
                found[name.removeprefix(PREFIX)] = _remembered(raw)
            except msgspec.DecodeError:
                continue  # registries will say it again
    return found
