"""The port of registries: who knows which endpoints a service has."""

from collections.abc import Callable
from typing import Protocol

from tta_gateway.kernel.standing import Instance

Found = Callable[[str, tuple[Instance, ...]], None]
"""Takes a service's name, and all instances of it that a registry has now."""


class Unreachable(Exception):
    """A registry does not answer, or not as it should; what it said last stays in force."""


class Provider(Protocol):
    """One registry."""

    name: str
    """What operators call it; unique."""

    async def watch(self, found: Found) -> None:
        """Tell what there is, and again whenever it changes, for as long as it can be reached.

        Unreachable if it cannot; whoever called calls again, after a pause that grows.
        """
