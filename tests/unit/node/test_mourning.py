"""Dead letters are counted while there are inboxes."""

import asyncio

from tests.helpers.memory_broker import MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tta_gateway.features.realtime.inbox import Letter
from tta_gateway.features.realtime.metrics import DEAD_LETTERS
from tta_gateway.features.realtime.publication import Publication
from tta_gateway.node.mourning import EACH, Mourning
from tta_gateway.support.metrics import Registry


def test_the_last_count_stands_until_another_can_be_had() -> None:
    store, registry = MemoryStore(), Registry()
    inbox, seen = MemoryInbox(store), list[float]()
    has_inboxes = False

    async def sleep(seconds: float) -> None:
        nonlocal has_inboxes
        assert seconds == EACH
        seen.extend(registry.child(DEAD_LETTERS).values())
        has_inboxes = True
        store.is_away = False
        await inbox.post("ada", Letter(f"{len(seen)}", Publication(b"1"), 0))
        store.is_away = len(seen) == 3
        if len(seen) == 5:
            raise asyncio.CancelledError

    mourning = Mourning(inbox, registry, has_inboxes=lambda: has_inboxes, sleep=sleep)
    try:
        asyncio.run(mourning.run())
    except asyncio.CancelledError:
        assert seen == [0.0, 1.0, 2.0, 2.0, 4.0]
