"""Delivering: each notice by itself, so that no contact waits for another."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import msgspec
import pytest

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Owed
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.delivering import AT_ONCE, KEPT_FREE, Deliveries
from tta_gateway.support.posting import NotTaken


class Desk:
    """Owes some notices, and writes down what comes of them."""

    def __init__(self, *owed: Owed, needed: bool = True) -> None:
        self.owes = list(owed)
        self.needed = needed
        self.heard: list[tuple[str, str]] = []

    def owed(self, contact: str, most: int) -> list[Owed]:
        due = [one for one in self.owes if one.contact == contact and one.due <= NOW]
        return due[:most]

    def next_due(self) -> float:
        return min((one.due for one in self.owes if one.due > NOW), default=float("inf"))

    def notice(self, owed: Owed) -> Notice | None:
        incident = opened(a_report(), NOW)
        made = Notice(
            id=owed.call, number=owed.number, contact=owed.contact, incident=incident, at=NOW
        )
        return made if self.needed else None

    def confirmed(self, owed: Owed) -> None:
        self.heard.append((owed.contact, "confirmed"))

    def failed(self, owed: Owed, why: str) -> None:
        self.heard.append((owed.contact, why))


class Channel:
    """Does what a test says."""

    receipt: Callable[[], Coroutine[None, None, None]] | None = None

    def __init__(self, does: Callable[[], Coroutine[None, None, None]]) -> None:
        self.does = does
        self.sent: list[str] = []

    async def send(self, notice: Notice) -> Awaitable[None] | None:
        self.sent.append(notice.id)
        await self.does()
        return None if self.receipt is None else self.receipt()


async def takes() -> None:
    """Take it."""


async def refuses() -> None:
    raise NotTaken("it is down")


async def breaks() -> None:
    raise KeyError("kanarie")


def owed(contact: str, call: str = "n1", due: float = NOW) -> Owed:
    return Owed(call=call, contact=contact, incident="i", number=1, due=due)


def deliveries(desk: Desk, **channels: Channel) -> Deliveries:
    def died(name: str, error: BaseException) -> None:
        raise AssertionError(name) from error

    made = Deliveries(desk, died=died)
    made.channels = channels
    return made


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_becomes_of_each_is_told() -> None:
    desk = Desk(owed("a"), owed("b"), owed("c"), owed("gone"))

    async def run() -> None:
        made = deliveries(desk, a=Channel(takes), b=Channel(refuses), c=Channel(breaks))
        made.begin_due()
        await settle()

    asyncio.run(run())
    assert desk.heard == [("a", "confirmed"), ("b", "it is down"), ("c", "KeyError")]


def test_one_that_hangs_holds_nobody_up_and_is_not_sent_twice() -> None:
    async def run() -> None:
        over = asyncio.Event()

        async def hangs() -> None:
            await over.wait()

        slow, quick = Channel(hangs), Channel(takes)
        desk = Desk(owed("slow"), owed("quick"))
        made = deliveries(desk, slow=slow, quick=quick)
        made.begin_due()
        await settle()
        made.begin_due()
        await settle()
        assert desk.heard == [("quick", "confirmed"), ("quick", "confirmed")]
        assert slow.sent == ["n1"]
        over.set()
        await settle()

    asyncio.run(run())


def test_there_are_only_so_many_tries_of_a_contact_at_once() -> None:
    async def run() -> None:
        over = asyncio.Event()

        async def hangs() -> None:
            await over.wait()

        slow = Channel(hangs)
        desk = Desk(*(owed("slow", f"n{number}") for number in range(20)))
        made = deliveries(desk, slow=slow)
        made.begin_due()
        await settle()
        assert len(slow.sent) == AT_ONCE
        desk.owes = desk.owes[AT_ONCE:]
        over.set()
        await settle()
        made.begin_due()
        await settle()
        assert len(slow.sent) == 2 * AT_ONCE

    asyncio.run(run())


def test_what_is_due_later_waits() -> None:
    async def run() -> None:
        made = deliveries(Desk(owed("a", due=NOW + 5.0)), a=Channel(takes))
        assert made.begin_due() == NOW + 5.0
        assert deliveries(Desk()).begin_due() == float("inf")

    asyncio.run(run())


def test_what_nobody_need_be_told_any_more_is_not_sent() -> None:
    desk, channel = Desk(owed("a"), needed=False), Channel(takes)

    async def run() -> None:
        deliveries(desk, a=channel).begin_due()
        await settle()

    asyncio.run(run())
    assert channel.sent == []
    assert desk.heard == [("a", "nobody need be told any more")]


def test_what_cannot_be_kept_is_kept_later_and_not_sent_again() -> None:
    class Full(Desk):
        full = True

        def confirmed(self, owed: Owed) -> None:
            if self.full:
                raise OSError("no room")
            super().confirmed(owed)

    desk, channel = Full(owed("a")), Channel(takes)
    deaths: list[str] = []

    async def run() -> None:
        made = Deliveries(desk, died=lambda name, _: deaths.append(name))
        made.channels = {"a": channel}
        made.begin_due()
        await settle()
        with pytest.raises(OSError, match="no room"):
            made.begin_due()
        desk.full, desk.owes = False, []
        made.begin_due()

    asyncio.run(run())
    assert (channel.sent, desk.heard, deaths) == (["n1"], [("a", "confirmed")], ["notice"])


def test_what_waits_for_people_holds_no_letter_back() -> None:
    async def run() -> None:
        asked = asyncio.Event()

        async def receipt() -> None:
            await asked.wait()

        channel = Channel(takes)
        channel.receipt = receipt
        desk = Desk(*(owed("a", f"n{number}") for number in range(20)))
        made = deliveries(desk, a=channel)
        for _ in range(4):
            made.begin_due()
            await settle()
        assert len(channel.sent) == 20
        assert desk.heard == []
        asked.set()
        await settle()
        assert desk.heard == [("a", "confirmed")] * 20

    asyncio.run(run())


def test_what_is_imminent_has_places_that_nothing_else_takes() -> None:
    async def run() -> None:
        over = asyncio.Event()

        async def hangs() -> None:
            await over.wait()

        slow = Channel(hangs)
        less = [msgspec.structs.replace(owed("a", f"n{n}"), level=1) for n in range(20)]
        desk = Desk(*less)
        made = deliveries(desk, a=slow)
        made.begin_due()
        await settle()
        assert len(slow.sent) == AT_ONCE - KEPT_FREE
        desk.owes = [owed("a", "imminent"), *less]
        made.begin_due()
        await settle()
        assert slow.sent[-1] == "imminent"
        desk.owes = []
        over.set()
        await settle()

    asyncio.run(run())
