"""Where leases of nodes meet the rest of control."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.nodes.bound import NodesBound
from tta_gateway.features.nodes.service import NotTaken, Outcome
from tta_gateway.node.attending import CARE, Attending, taken, words_of
from tta_gateway.node.taking import Taking
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.metrics import Registry


class House:
    """A control without a store."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.taken = 0
        self.until: list[float] = []
        self.topology = lambda: None
        taking = Taking(lambda _, __: None, frozenset, clock.monotonic)
        self.attending = Attending(
            cast("Any", self),
            taking,
            topics={CARE: self.take},
            log=cast("Any", self),
            clock=clock,
            counts=Registry(),
        )

    def __call__(self) -> None:
        return None

    async def take(self) -> None:
        self.taken += 1

    def is_alone(self) -> bool:
        return self.attending.attendance.is_alone

    def event(self, name: str, **_: object) -> None:
        raise AssertionError(name)

    def adopt(self, *, shared: bool, is_needed: bool = True) -> None:
        raw = msgspec.Raw(msgspec.msgpack.encode(NodesBound(shared=shared)))
        snapshot = Snapshot(
            version=1, state_dir=".", listeners=(), services=(), routes=(), features={"nodes": raw}
        )
        self.attending.adopt(parted(snapshot), is_needed=is_needed)


def test_a_node_with_a_store_of_its_own_is_alone_and_takes_up_what_it_tells() -> None:
    async def work() -> None:
        house = House()
        house.adopt(shared=True)
        assert not house.is_alone()
        house.adopt(shared=True, is_needed=False)
        assert house.is_alone()
        house.adopt(shared=False)
        assert house.is_alone()
        await house.attending.spreading(CARE)()
        assert house.taken == 1
        running = asyncio.get_running_loop().create_task(house.attending.run())
        await asyncio.sleep(0.01)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(), []),
        (Outcome(away=True), ["nodes-not-reached"]),
        (Outcome(hangs=True), ["workers-behind"]),
        (Outcome(("a", "b"), ("c",)), ["nodes-lapsed=2", "nodes-behind=1"]),
    ],
)
def test_an_answer_says_who_was_not_told_in_time(outcome: Outcome, words: list[str]) -> None:
    assert words_of(outcome) == words


def test_what_could_not_be_read_is_said_in_one_way() -> None:
    async def away() -> None:
        raise ConnectionError("as the test says")

    async def work() -> None:
        with pytest.raises(NotTaken, match="as the test says"):
            await taken(away, ConnectionError)()
        with pytest.raises(ConnectionError):
            await taken(away, KeyError)()

    asyncio.run(work())
