"""Following: which channels are heard, over the end of connections.

Each name is asked for, then heard.  What is left before it is heard is let go once it is: so there
is at most one confirmation to come for each name, and none is taken for another's.  When the
connection ends, all that was heard is asked for again; once the last of it is heard, and not
before, `lost` is told: whoever looks up what he has missed then, hears all that comes after.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from tta_gateway.features.realtime.broker import Away

PATIENCE: Final = 2.0  # seconds, until a channel is heard


class Subscriber(Protocol):
    """What is asked of the connection: of support/valkey/subscriber."""

    def subscribe(self, *channels: bytes) -> None:
        """Hear these channels."""

    def unsubscribe(self, *channels: bytes) -> None:
        """Hear these channels no more."""

    def renew(self, reason: str) -> None:
        """Connect anew."""


class Following:
    """Keeps the names; a Listener of the subscriber's."""

    def __init__(self, hear: Callable[[bytes, bytes], None], lost: Callable[[], None]) -> None:
        """Pass on what is heard, and when something may have been missed."""
        self._hear = hear
        self._lost = lost
        self._subscriber: Subscriber | None = None
        self._asked: dict[bytes, bool] = {}  # whether it is still wanted
        self._heard: set[bytes] = set()
        self._waiting: dict[bytes, list[asyncio.Future[None]]] = {}
        self._missing: set[bytes] = set()  # heard before, asked for again

    def use(self, subscriber: Subscriber) -> None:
        """Ask this one, of whom this is the listener."""
        self._subscriber = subscriber
        names = [*self._heard, *(name for name, wanted in self._asked.items() if wanted)]
        self._missing.update(self._heard)
        self._heard.clear()
        self._asked = dict.fromkeys(names, True)
        if names:
            subscriber.subscribe(*names)

    @property
    def names(self) -> frozenset[bytes]:
        """Return what is heard."""
        return frozenset(self._heard)

    async def follow(self, name: bytes) -> None:
        """Come back when a name is heard; Away if that takes too long, and it is let go."""
        if name in self._heard:
            return
        if self._subscriber is None:
            raise Away("there is no store for state", may_be_done=False)
        known = name in self._asked
        self._asked[name] = True
        if not known:
            self._subscriber.subscribe(name)
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(name, [])
        waiting.append(future)
        try:
            async with asyncio.timeout(PATIENCE):
                await future
        except TimeoutError:
            raise Away("the store does not confirm a subscription", may_be_done=False) from None
        finally:
            waiting.remove(future)
            if not waiting and self._waiting.get(name) is waiting:
                del self._waiting[name]
                if name in self._asked and name not in self._missing:
                    self.leave(name)

    def leave(self, name: bytes) -> None:
        """Hear a name no more."""
        if name in self._heard:
            self._heard.discard(name)
            self._let_go(name)
        elif name in self._asked:
            self._asked[name] = False
            for future in self._waiting.get(name, ()):
                if not future.done():
                    future.set_exception(Away("it was left", may_be_done=False))
            self._found(name)

    def renew(self, reason: str) -> None:
        """Have the subscriber connect anew."""
        if self._subscriber is not None:
            self._subscriber.renew(reason)

    # What the subscriber tells

    def heard(self, channel: bytes, message: bytes) -> None:
        """Pass on what is published where somebody follows."""
        if channel in self._heard:
            self._hear(channel, message)

    def joined(self, name: bytes) -> None:
        """Take note that a name is heard from now on."""
        wanted = self._asked.pop(name, None)
        if wanted is None:
            return
        if not wanted:
            self._let_go(name)
            return
        self._heard.add(name)
        for future in self._waiting.get(name, ()):
            if not future.done():
                future.set_result(None)
        self._found(name)

    def parted(self) -> None:
        """Take note that nothing is heard: the subscriber asks for all of it by itself."""
        unwanted = [name for name, wanted in self._asked.items() if not wanted]
        for name in unwanted:
            del self._asked[name]
            self._let_go(name)
        self._missing.update(self._heard)
        self._asked.update(dict.fromkeys(self._heard, True))
        self._heard.clear()

    def _let_go(self, name: bytes) -> None:
        if self._subscriber is not None:
            self._subscriber.unsubscribe(name)

    def _found(self, name: bytes) -> None:
        """Tell that something may be missed, once the last of what was heard is heard again."""
        if name in self._missing:
            self._missing.discard(name)
            if not self._missing:
                self._lost()
