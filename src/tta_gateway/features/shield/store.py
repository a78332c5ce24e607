"""Where nodes share whom they keep out."""

from typing import Protocol

from tta_gateway.features.shield.bound import Block


class Away(Exception):
    """The store cannot be asked."""


class BlockStore(Protocol):
    """Blocks of all nodes; each is gone from it when it ends."""

    async def share(self, blocks: list[Block], now: float) -> None:
        """Have all nodes keep these out as long as they last; Away."""

    async def lift(self, source: str, now: float) -> None:
        """Have all nodes let it in; Away."""

    async def taken(self, now: float) -> tuple[list[Block], dict[str, float]]:
        """Return those that last, and who has been let in lately, when; Away."""
