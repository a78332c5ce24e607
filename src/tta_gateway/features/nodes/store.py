"""Where nodes hold their leases and tell each other: the port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tta_gateway.features.nodes.algorithm import Seen


class Away(Exception):
    """The store cannot be asked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands: `epoch` names the store since it was last empty, `age` says since when.

    `topics` are those in which something was told, with the version of it.
    """

    epoch: str
    age: float
    version: int
    topics: Mapping[str, int] = field(default_factory=dict)
    nodes: Sequence[Seen] = ()


class NodeStore(Protocol):
    """Keeps leases; each call is one step, by the store's own clock.  Away."""

    async def renew(self, node: str, number: int) -> tuple[int, Standing]:
        """Hold a lease from now on; return its number, another one if the one before has ended."""

    async def tell(self, topic: str) -> Standing:
        """Say that something has changed in a topic; `version` is what is to be acknowledged."""

    async def acknowledge(self, node: str, number: int, version: int) -> bool:
        """Say that all up to this version is taken up; False if that is not its lease any more."""

    async def standing(self) -> Standing:
        """Return how it stands."""
