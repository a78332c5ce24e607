"""Several watches at once: what ends one ends all."""

import asyncio
from collections.abc import Coroutine, Iterable

from tta_gateway.features.discovery.provider import Unreachable


async def together(watches: Iterable[Coroutine[None, None, None]]) -> None:
    """Run them all; raise what one ends with: a fault of ours before a registry that is away."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in watches:
                group.create_task(one)
    except BaseExceptionGroup as errors:
        away, ours = errors.split(Unreachable)
        found = ours or away
        assert found is not None  # a group is never empty
        raise found.exceptions[0] from None
