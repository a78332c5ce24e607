"""The outbox of a bound socket: what was said there is published, one after the other, in order.

While its member is not in the channel, or the store is away, it waits here, within bounds.  What a
client has said is published as if it had published it itself: by the channel's rules, whoever is
asked about them, and with its name.  What the service has said is published for those alone who
may publish: a service repeats what it is told, and nobody is to speak through it who may not.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import msgspec

from tta_gateway.features.realtime.amending import amended
from tta_gateway.features.realtime.attendant import Ports
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.codec import Malformed, one_line
from tta_gateway.features.realtime.codes import (
    BAD_REQUEST,
    INTERNAL,
    LIMIT_EXCEEDED,
    PERMISSION_DENIED,
    TOO_MANY_REQUESTS,
    UNKNOWN_CHANNEL,
)
from tta_gateway.features.realtime.doorkeeper import Allowed, Amended, Caller, MayPublish
from tta_gateway.features.realtime.ear import Noticed
from tta_gateway.features.realtime.publication import (
    ClientInfo,
    Keeping,
    Publication,
    key_of_service,
)
from tta_gateway.features.tether.bond import BY, CLIENT
from tta_gateway.kernel.said import Need
from tta_gateway.support.tasks import Died, spawn

MOST: Final = 1000
LARGEST: Final = 1024 * 1024
"""Messages, and their bytes, that wait to be published; what is more is told its client."""
_CLAIMED: Final = "!heard:"
"""What the channel is called in which publications are claimed; nobody reads it."""
_NOTHING: Final = Keeping()
_FIRST: Final = 0.1  # seconds
_LONGEST: Final = 5.0
_TRIES: Final = 20  # of what somebody at risk says, where it is refused for now: a minute and more
_FOR_NOW: Final = (TOO_MANY_REQUESTS.code, INTERNAL.code)
_encode: Final = msgspec.json.Encoder().encode
Done = Callable[[bool], None]
Speaks = Callable[[str, Caller], Allowed | Awaitable[Allowed]]


class _Overheard:
    """What was found in what somebody has said at the socket (the port Noticed).

    The record is made by whoever has heard it there.
    """

    def __init__(self, need: Need) -> None:
        self.level = need.level
        self.is_spared = need.is_spared

    async def keep(self, *, delivered: bool) -> None:
        pass


class _Item:
    """Something to be published, or a publication to be claimed (`claimed` hears whether it is)."""

    __slots__ = ("by", "claimed", "data", "key", "made", "noticed", "tries")

    def __init__(self, data: bytes, key: str, by: str = "", claimed: Done | None = None) -> None:
        self.data = data
        self.key = key
        self.by = by
        self.claimed = claimed
        self.noticed: Noticed | None = None
        """what was found in it, if somebody may need help"""
        self.tries = 0
        """how often it was refused for now"""
        self.made: tuple[Publication, Keeping, str] | None = None
        """how it is published, once that is allowed"""


class Outbox:
    """One socket's."""

    def __init__(
        self,
        ports: Ports,
        channel: str,
        *,
        tags: dict[str, str],
        speaks: Speaks,
        unshared: Callable[[int], None],
        died: Died,
    ) -> None:
        """Publish nothing before `go_on`.

        `speaks` says whose service may be heard, `unshared` hears by which error something is not.
        """
        self._ports: Final = ports
        self._channel: Final = channel
        self._tags: Final = tags
        self._speaks: Final = speaks
        self._unshared: Final = unshared
        self._died: Final = died
        self._caller: Caller | None = None
        self._items: deque[_Item] = deque()
        self._size = 0
        self.number = 0
        """how many messages it has had: a part of what each is known by"""
        self._is_working = False
        self._done: Callable[[], None] | None = None
        self._heard: bool | None = None
        """Whether the service may be heard; None: nobody has said."""

    def put(self, payload: bytes, *, is_text: bool, by: str, need: Need | None = None) -> None:
        """Have a message published, behind all before it; `need`: what was found in it."""
        data = data_of(payload) if is_text else None
        if data is None:
            self._unshared(BAD_REQUEST.code)
        elif len(self._items) >= MOST or self._size + len(data) > LARGEST:
            self._unshared(LIMIT_EXCEEDED.code)
        else:
            self.number += 1
            item = _Item(data, f"socket {self._tags} {self.number}", by)
            item.noticed = None if need is None else _Overheard(need)
            self._add(item)

    def claim(self, place: str, claimed: Done) -> None:
        """Tell whether nobody else has claimed the publication at this place; nobody, if unsure."""
        if len(self._items) >= MOST:
            claimed(False)
        else:
            self._add(_Item(b"0", f"claim {place}", claimed=claimed))

    def go_on(self, caller: Caller) -> None:
        """Publish as this member from now on."""
        self._caller = caller
        self._heard = None
        self._work_on()

    def hold(self) -> None:
        """Publish nothing until `go_on`."""
        self._caller = None

    def end(self, done: Callable[[], None]) -> None:
        """Call this when nothing waits any more; at once, where nothing does or can leave."""
        self._done = done
        self._end_if_done()

    def _end_if_done(self) -> None:
        done = self._done
        if done is not None and (not self._items or self._caller is None):
            self._done = None
            done()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._items)

    def clear(self) -> None:
        """Publish nothing of what waits."""
        self._items.clear()
        self._size = 0

    def _add(self, item: _Item) -> None:
        self._items.append(item)
        self._size += len(item.data)
        self._work_on()

    def _work_on(self) -> None:
        if self._items and self._caller is not None and not self._is_working:
            self._is_working = True
            spawn(self._work(), name="bound socket", died=self._died)

    async def _work(self) -> None:
        pause = _FIRST
        try:
            while self._items and self._caller is not None:
                item = self._items[0]
                try:
                    is_settled = await self._settle(item, self._caller)
                except Away as away:
                    if item.claimed is None or not away.may_be_done:
                        await asyncio.sleep(pause)
                        pause = min(2 * pause, _LONGEST)
                        continue
                    item.claimed(False)  # nobody can tell whose it is
                    is_settled = True
                except Exception as error:  # noqa: BLE001 - those behind it are not held up by it
                    self._drop(item)
                    self._died("bound socket", error)
                    self._lost(item)
                    continue
                if item.tries and not is_settled:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST)
                    continue
                pause = _FIRST
                if is_settled:
                    self._drop(item)
        finally:
            self._is_working = False
            self._end_if_done()

    def _lost(self, item: _Item) -> None:
        """Tell of what a fault has stopped."""
        if item.claimed is None:
            self._unshared(INTERNAL.code)
        else:
            item.claimed(False)

    def _drop(self, item: _Item) -> None:
        if self._items and self._items[0] is item:  # else all was cleared meanwhile
            self._items.popleft()
            self._size -= len(item.data)

    async def _settle(self, item: _Item, caller: Caller) -> bool:
        """Publish or claim it; False: its member has gone meanwhile, and it waits for the next."""
        if item.claimed is not None:
            name = _CLAIMED + self._channel
            publication = Publication(item.data)
            told = await self._ports.broker.publish(
                name, publication, keeping=_NOTHING, key=item.key
            )
            item.claimed(not told.repeated)
            return True
        if item.by != CLIENT and self._heard is False:
            return True  # its client has been told
        if item.made is None:
            why = await self._allow(item, caller)
            if why:
                if self._caller is not caller or _may_try_again(item, why):
                    return False
                self._unshared(why)
                return True
        assert item.made is not None  # it is allowed
        made, keeping, key = item.made
        await self._ports.broker.publish(self._channel, made, keeping=keeping, key=key)
        return True

    async def _allow(self, item: _Item, caller: Caller) -> int:
        """Settle how it is published; return by which error it is not, or 0."""
        access = self._ports.access
        rules = access.rules(self._channel)
        if rules is None:
            return UNKNOWN_CHANNEL.code
        if len(item.data) > rules.largest:
            return LIMIT_EXCEEDED.code
        allowed: MayPublish = None
        info: ClientInfo | None = None
        if item.by == CLIENT:
            info = ClientInfo(caller.user, caller.client)
            asking = replace(caller, noticed=item.noticed)
            asked = access.may_publish(self._channel, item.data, asking)
            allowed = await asked if isinstance(asked, Awaitable) else asked
        elif self._heard is None:
            allowed = await self._may_be_heard(caller)
        if allowed is not None and not isinstance(allowed, Amended):
            return allowed.code or INTERNAL.code
        publication = Publication(item.data, info=info, tags={**self._tags, BY: item.by})
        made, keeping = amended(publication, rules.keeping, allowed)
        key = key_of_service(allowed.key) if allowed is not None and allowed.key else item.key
        item.made = made, keeping, key
        return 0

    async def _may_be_heard(self, caller: Caller) -> Allowed:
        """Ask whether the service may be heard; what is settled is not asked again."""
        asked = self._speaks(self._channel, caller)
        allowed = await asked if isinstance(asked, Awaitable) else asked
        if allowed is None or allowed is PERMISSION_DENIED:
            self._heard = allowed is None
        return allowed


def _may_try_again(item: _Item, why: int) -> bool:
    """Tell whether what somebody at risk says is tried again, where it is refused for now."""
    if item.noticed is None or why not in _FOR_NOW or item.tries >= _TRIES:
        return False
    item.tries += 1
    return True


def data_of(payload: bytes) -> bytes:
    """Return a text as data of a channel: JSON as it is, anything else as a text of JSON."""
    if payload:
        try:
            return one_line(payload) or b'""'
        except Malformed:
            pass
    return _encode(payload.decode(errors="replace"))
