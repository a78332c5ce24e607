"""Whether all workers have taken up what they were told."""

import asyncio
from collections.abc import Coroutine
from math import inf

import msgspec

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.nodes.bound import WORD, Word
from tta_gateway.kernel.events import GlassOpened, SectionsTaken
from tta_gateway.node.taking import Taking


class House:
    """Workers that confirm at once, but for those that hang."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.words: list[Word] = []
        self.alive = {"worker 1", "worker 2"}
        self.hang: set[str] = set()
        self.taking = Taking(self.put, lambda: frozenset(self.alive), self.clock.monotonic)

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        assert name == WORD
        assert isinstance(finding, Word)
        self.words.append(finding)
        self.clock.advance(0.01)
        for by in self.alive - self.hang:
            self.taking.hear(SectionsTaken(turn=finding.turn, by=by))


def do(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


def test_a_time_is_put_where_it_is_another() -> None:
    house = House()
    for until in (5.0, 5.0, inf, 6.0):
        house.taking.tell(until)
    assert [one.until for one in house.words] == [5.0, inf, 6.0]
    assert {one.turn for one in house.words} == {0}


def test_all_that_ask_at_once_have_one_turn_and_the_next_another() -> None:
    async def work() -> None:
        house = House()
        house.taking.tell(7.0)
        assert await asyncio.gather(*(house.taking.confirmed(1.0) for _ in range(9))) == [True] * 9
        assert house.words[-1] == Word(turn=1, until=7.0)
        assert await house.taking.confirmed(1.0)
        assert house.words[-1].turn == 2

    do(work())


def test_one_that_hangs_is_waited_for_until_it_is_gone_or_time_is_up() -> None:
    async def work() -> None:
        house = House()
        house.hang.add("worker 2")

        async def passes(seconds: float) -> None:
            await asyncio.sleep(0.02)
            house.clock.advance(seconds)

        told = await asyncio.gather(house.taking.confirmed(1.0), passes(1.5))
        assert told[0] is False

        async def dies() -> None:
            await asyncio.sleep(0.02)
            house.alive.remove("worker 2")

        told = await asyncio.gather(house.taking.confirmed(1.0), dies())
        assert told[0] is True

    do(work())


def test_it_goes_on_behind_the_turns_of_the_control_before() -> None:
    async def work() -> None:
        house = House()
        house.taking.recover({})
        house.taking.recover({WORD: msgspec.Raw(b"\xc1")})
        house.taking.recover({WORD: msgspec.Raw(msgspec.msgpack.encode(Word(turn=41)))})
        house.taking.hear(GlassOpened(id="g", subject="s", person="p", until=1.0, at=0.0))
        assert await house.taking.confirmed(1.0)
        assert house.words[-1].turn == 42

    do(work())
