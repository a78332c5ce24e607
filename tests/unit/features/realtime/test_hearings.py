"""What clients say is listened to once, ahead of its turn, and kept where it is not carried out."""

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

import pytest

from tta_gateway.features.realtime.command import Command, PublishRequest, UnsubscribeRequest
from tta_gateway.features.realtime.ear import Noticed
from tta_gateway.features.realtime.hearings import Hearings
from tta_gateway.features.realtime.session import Session


class Found:
    """What was found in what somebody has said."""

    level = 1
    is_spared = False

    def __init__(self) -> None:
        self.kept: list[bool] = []

    async def keep(self, *, delivered: bool) -> None:
        self.kept.append(delivered)


class Listens:
    """An ear that finds something in `help`, at once or later, and fails at `fault`."""

    def __init__(self, *, waits: bool = False) -> None:
        self.heard: list[bytes] = []
        self.found = Found()
        self._waits = waits

    def hear(
        self, client: str, channel: str, data: bytes
    ) -> Noticed | Awaitable[Noticed | None] | None:
        assert (client, channel) == ("c", "room")
        self.heard.append(data)
        return self._later(data) if self._waits else self._of(data)

    def hold(self, client: str) -> None:
        raise AssertionError(f"nobody is held here: {client}")

    let_go = hold

    async def _later(self, data: bytes) -> Noticed | None:
        await asyncio.sleep(0)
        return self._of(data)

    def _of(self, data: bytes) -> Noticed | None:
        if data == b"fault":
            raise ValueError("a fault of whoever listens")
        return self.found if data == b"help" else None


class Waits:
    """A session with commands that wait for their turn."""

    client = "c"

    def __init__(self, *said: bytes) -> None:
        self.commands = [a_command(one) for one in said]
        self.hearings: dict[int, Noticed | Awaitable[Noticed | None] | None] = {}
        self.left = list[Command]()

    def unheard(self) -> list[Command]:
        return [one for one in self.commands if id(one) not in self.hearings]


def a_command(said: bytes) -> Command:
    return Command(1, PublishRequest("room", said))


def session_of(waits: Waits) -> Session:
    return cast("Session", waits)


def test_each_is_listened_to_once() -> None:
    ear, waits = Listens(), Waits(b"one", b"help")
    hearings = Hearings(ear, lambda: 0.0)
    assert hearings.ahead(session_of(waits), until=1.0)
    found = [hearings.of(session_of(waits), one) for one in waits.commands]
    assert (found, ear.heard) == ([None, ear.found], [b"one", b"help"])


def test_one_that_was_not_listened_to_ahead_is_in_its_turn() -> None:
    ear, waits = Listens(), Waits(b"help")
    assert Hearings(ear, lambda: 0.0).of(session_of(waits), waits.commands[0]) is ear.found


def test_a_command_that_says_nothing_is_not_listened_to() -> None:
    ear, waits = Listens(), Waits()
    silent = Command(1, UnsubscribeRequest("room"))
    assert Hearings(ear, lambda: 0.0).of(session_of(waits), silent) is None
    assert ear.heard == []


def test_when_the_time_is_up_some_are_left() -> None:
    ear, waits = Listens(), Waits(b"one", b"help")
    assert not Hearings(ear, lambda: 5.0).ahead(session_of(waits), until=1.0)
    assert ear.heard == [b"one"]


@pytest.mark.parametrize("waits", [False, True])
def test_what_is_never_carried_out_is_kept_as_not_delivered(waits: bool) -> None:
    ear, session = Listens(waits=waits), Waits()
    session.left = [a_command(b"one"), a_command(b"help")]

    async def main() -> None:
        work = Hearings(ear, lambda: 0.0).undone(session_of(session))
        assert work is not None
        await work

    asyncio.run(main())
    assert (ear.found.kept, session.left) == ([False], [])


def test_where_nothing_was_found_nothing_is_to_be_kept() -> None:
    session = Waits()
    session.left = [a_command(b"one")]
    assert Hearings(Listens(), lambda: 0.0).undone(session_of(session)) is None


def test_what_is_listened_to_ahead_goes_on_whoever_waits_for_it_later() -> None:
    ear, waits = Listens(waits=True), Waits(b"help", b"fault")

    async def main() -> list[Any]:
        hearings = Hearings(ear, lambda: 0.0)
        assert hearings.ahead(session_of(waits), until=1.0)
        waiting = [hearings.of(session_of(waits), one) for one in waits.commands]
        return await asyncio.gather(*cast("Any", waiting), return_exceptions=True)

    found, fault = asyncio.run(main())
    assert found is ear.found
    assert isinstance(fault, ValueError)


def test_who_no_longer_waits_for_it_disturbs_nobody() -> None:
    ear, waits = Listens(waits=True), Waits(b"help", b"fault")

    async def main() -> None:
        hearings = Hearings(ear, lambda: 0.0)
        hearings.ahead(session_of(waits), until=1.0)
        for one in waits.commands:
            cast("Any", hearings.of(session_of(waits), one)).cancel()
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert ear.heard == [b"help", b"fault"]
