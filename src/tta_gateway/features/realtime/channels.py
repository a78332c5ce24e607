"""The channels that somebody in this worker reads: followed in the store, and kept up with it."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tta_gateway.features.realtime.broker import Away, Broker, Stored
from tta_gateway.features.realtime.channel import LARGEST_RECOVERED, MOST_RECOVERED, Channel, Place
from tta_gateway.features.realtime.doorkeeper import Rules
from tta_gateway.features.realtime.fanout import Turn
from tta_gateway.features.realtime.publication import Position
from tta_gateway.features.realtime.recoveries import Recoveries
from tta_gateway.features.realtime.session import Session, Subscription
from tta_gateway.support.tasks import Died, spawn

_TRIES: Final = 4
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
LINGERS: Final = 15.0
"""seconds that a channel is followed without readers: they may only have lost their connection"""
_LARGEST_READ: Final = 4 * LARGEST_RECOVERED  # for one who comes back to many channels
_READ_AT_ONCE: Final = 32
_MOST_LINGERING: Final = 1000
"""channels without readers; beyond, those that have had none for longest are left"""
_TIDIED_AT_ONCE: Final = 300  # in a turn of the loop


class Channels:
    """All channels of a worker by name; `dirty` gathers sessions that are to be written out."""

    def __init__(
        self,
        broker: Broker,
        *,
        dirty: list[Session],
        ended: Callable[[Subscription], None],
        wrote: Callable[[], None],
        died: Died,
        turn: Turn | None = None,
    ) -> None:
        """Begin with none; `wrote` is called when sessions have become dirty behind a wait.

        `turn` says how many may be given something in one turn of the loop.
        """
        self._broker: Final = broker
        self._dirty: Final = dirty
        self._ended: Final = ended
        self._wrote: Final = wrote
        self._died: Final = died
        self._turn: Final = turn or Turn()
        self._recoveries: Final = Recoveries(broker, died)
        self._channels: Final[dict[str, Channel]] = {}
        self._followed: Final[dict[str, asyncio.Future[None]]] = {}
        self._unread: Final[set[str]] = set()
        """those at which the store was to be looked for, in vain"""
        self._forgot_at = 0.0
        self._is_tidying = False

    def __repr__(self) -> str:
        """Tell how many there are."""
        return f"<{len(self._channels)} channels>"

    def find(self, name: str) -> Channel | None:
        """Return a channel that is followed or about to be."""
        return self._channels.get(name)

    def made(self, name: str, rules: Rules) -> Channel:
        """Return a channel, a new one if need be."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(
                name,
                keeps=rules.keeping.is_on,
                urgent=rules.urgent,
                dirty=self._dirty,
                ended=self._ended,
                turn=self._turn,
            )
        channel.idle_since = 0.0  # whoever asks for it is about to read it: `tidy` begins anew
        return channel

    def is_followed(self, channel: Channel) -> bool:
        """Return whether all that happens in it is heard."""
        found = self._followed.get(channel.name)
        return found is not None and found.done() and found.exception() is None

    async def places(self, wanted: Mapping[Channel, Position | None]) -> dict[Channel, Place]:
        """Return where somebody begins in each channel, all at one moment, or raise Away.

        The places are to be taken before anything else happens.  Behind so much that was missed
        no more is read: in the other channels they begin anew.
        """
        told: dict[Channel, Stored] = {}
        since, size = dict(wanted), 0
        for channel in wanted:
            channel.joining += 1
        try:
            for _ in range(_TRIES):
                await self._follow_all(wanted)
                places = {each: each.place(since[each], told.get(each)) for each in wanted}
                found = {each: place for each, place in places.items() if place is not None}
                if len(found) == len(wanted):
                    return found
                for channel in [each for each in wanted if each not in found]:
                    self.look_after(channel)
                    stored = await self._stored(channel, since[channel])
                    if stored is None:
                        continue
                    told[channel] = stored
                    size += sum(len(one.data) for one in stored.publications)
                    if size > _LARGEST_READ:
                        since.update(dict.fromkeys(wanted.keys() - told.keys()))
        finally:
            for channel in wanted:
                channel.joining -= 1
        raise Away("what the store tells does not hold still", may_be_done=False)

    def look_after(self, channel: Channel) -> None:
        """Read what a channel has missed, unless that is under way."""
        if channel.is_behind and not channel.is_reading:
            self.check(channel)

    def check(self, channel: Channel) -> None:
        """Look at the store whether something was missed."""
        if channel.keeps and channel.is_known() and not channel.is_reading:
            asked = channel.asks()
            spawn(self._read(channel, asked), name="realtime catch up", died=self._died)

    def lost(self) -> None:
        """Look at the store for every channel: something may have been missed in any."""
        spawn(self.check_all(), name="realtime check", died=self._died)

    async def check_all(self) -> None:
        """Look at every channel, some of them at once."""
        for at, channel in enumerate(list(self._channels.values())):
            self.check(channel)
            if at % _READ_AT_ONCE == _READ_AT_ONCE - 1:
                await asyncio.sleep(0.005)

    def tidy(self, now: float) -> None:
        """Follow no longer what nobody reads, after a while; forget what was published long ago."""
        if self._is_tidying:
            return
        self._is_tidying = True
        forgets = now - self._forgot_at >= LINGERS
        if forgets:
            self._forgot_at = now
        self._tidy_some(list(self._channels.values()), [], now, forgets=forgets)
        for name in list(self._unread)[:_READ_AT_ONCE]:
            self._unread.discard(name)
            channel = self._channels.get(name)
            if channel is not None:
                self.check(channel)

    def _tidy_some(
        self, left: list[Channel], idle: list[Channel], now: float, *, forgets: bool
    ) -> None:
        """Look at a slice of the channels, and at the others in turns of their own."""
        for channel in left[-_TIDIED_AT_ONCE:]:
            if forgets:
                channel.forget_old()
            if channel.joining or channel.count():
                channel.idle_since = now
            elif now - channel.idle_since >= LINGERS and channel.idle_since:
                self._leave(channel)
            else:
                channel.idle_since = channel.idle_since or now
                idle.append(channel)
        del left[-_TIDIED_AT_ONCE:]
        if left:
            more = partial(self._tidy_some, left, idle, now, forgets=forgets)
            asyncio.get_running_loop().call_soon(more)
            return
        self._is_tidying = False
        if len(idle) > _MOST_LINGERING:
            idle.sort(key=lambda each: each.idle_since, reverse=True)
            self._leave_some(idle[_MOST_LINGERING:])

    def _leave_some(self, idle: list[Channel]) -> None:
        """Leave the last of these, and the others in turns of their own, if nobody reads them."""
        for channel in idle[-_TIDIED_AT_ONCE:]:
            if not channel.joining and not channel.count():
                self._leave(channel)
        del idle[-_TIDIED_AT_ONCE:]
        if idle:
            asyncio.get_running_loop().call_soon(self._leave_some, idle)

    def each(self) -> list[Channel]:
        """Return all of them."""
        return list(self._channels.values())

    def _leave(self, channel: Channel) -> None:
        if self._channels.get(channel.name) is not channel:
            return
        del self._channels[channel.name]
        if self._followed.pop(channel.name, None) is not None:
            self._broker.leave(channel.name)

    async def _follow_all(self, channels: Mapping[Channel, Position | None]) -> None:
        for channel in channels:
            await self._follow(channel.name)

    async def _follow(self, name: str) -> None:
        """Hear what happens in a channel; those who come together wait for one and the same."""
        found = self._followed.get(name)
        if found is None or (found.done() and found.exception() is not None):
            found = asyncio.get_running_loop().create_future()
            self._followed[name] = found
            spawn(self._begin_to_follow(name, found), name="realtime follow", died=self._died)
        await asyncio.shield(found)

    async def _begin_to_follow(self, name: str, done: asyncio.Future[None]) -> None:
        try:
            await self._broker.follow(name)
        except Away as error:
            done.set_exception(error)
            done.exception()  # it is read, though nobody waits any more
        except BaseException:
            done.set_exception(Away("the store was not asked", may_be_done=False))
            done.exception()
            raise
        else:
            done.set_result(None)

    async def _stored(self, channel: Channel, wanted: Position | None) -> Stored | None:
        """Return what the store has behind a position; None where that is known here by now."""

        def is_known() -> bool:
            return channel.place(wanted, None) is not None

        return await self._recoveries.told(channel.name, wanted, suffices=is_known)

    async def _read(self, channel: Channel, asked: Position) -> None:
        """Read until the channel is behind no longer; it is tried for as long as it has readers."""
        pause = _FIRST_PAUSE
        while True:
            try:
                told = await self._broker.history(channel.name, since=asked, limit=MOST_RECOVERED)
            except Away:
                channel.asked_in_vain()
                if self._channels.get(channel.name) is not channel:
                    return
                if not channel.is_behind:
                    self._unread.add(channel.name)  # it is looked at again, once a second
                    return
                channel.is_reading = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except BaseException:
                channel.asked_in_vain()
                raise
            else:
                channel.caught_up(told)
                self._wrote()
                if not channel.is_behind:
                    return
            asked = channel.asks()
