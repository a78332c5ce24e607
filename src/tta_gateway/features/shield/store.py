"""Where nodes share whom they keep out, and where what administrators say of it is kept."""

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


class BanStore(Protocol):
    """What administrators say; whatever is said twice counts once."""

    async def ban(self, block: Block) -> None:
        """Keep who is kept out, in the place of what was said of them before; Away."""

    async def lift(self, source: str, *, at: float, by: str) -> None:
        """Have all that was said of them until then be over; Away."""

    async def lasting(self, now: float, *, most: int) -> list[Block]:
        """Return those that last, the last to end first; Away."""

    async def lifted(self, blocks: list[Block]) -> list[str]:
        """Return the sources of these that were kept here, and have been let in since; Away."""
