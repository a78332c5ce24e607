"""How control finds out who serves a store."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from tta_gateway.node import topologies as module
from tta_gateway.node.topologies import Topologies
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.valkey.error import Unavailable
from tta_gateway.support.valkey.topology import Address, Store, Topology, single

ONE, OTHER = single(Address("10.0.0.1", 6379)), single(Address("10.0.0.2", 6379))
WATCHED = Store(kind="sentinel", addresses=(Address("10.0.0.9", 26379),), master="tta")
ALONE = Store(addresses=(Address("10.0.0.1", 6379),))
NOBODY = Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=())


class House:
    """Control, and Sentinels that give these answers in turn; none: they do not answer."""

    def __init__(self, *answers: Topology | None) -> None:
        self.answers = list(answers)
        self.found: list[tuple[str, object]] = []
        self.events: list[object] = []
        self.topologies = Topologies(
            cast("Any", self), cast("Any", self), ask=self.ask, chance=lambda: 0.5
        )

    async def ask(self, _: Store) -> Topology:
        answer = self.answers.pop(0)
        if answer is None:
            raise Unavailable("nobody answers")
        return answer

    def put(self, name: str, finding: object) -> None:
        self.found.append((name, finding))

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, fields["store"], fields["by"]))

    def look(self, state: Store | None) -> list[object]:
        """Look once; return what is said of the state's store."""
        self.found.clear()
        asyncio.run(self.topologies.look(msgspec.structs.replace(NOBODY, state=state)))
        return [finding for name, finding in self.found if name == "store/state"]


def test_who_serves_is_told_and_logged_when_it_changes() -> None:
    house = House(ONE, ONE, OTHER)
    assert [house.look(WATCHED) for _ in range(3)] == [[ONE], [ONE], [OTHER]]
    assert house.events == [
        ("store_served", "state", ["10.0.0.1:6379"]),
        ("store_served", "state", ["10.0.0.2:6379"]),
    ]


def test_while_nobody_answers_what_was_known_stays() -> None:
    house = House(ONE, None, ONE)
    assert house.topologies.told("state") is None
    assert [house.look(WATCHED) for _ in range(3)] == [[ONE], [], [ONE]]
    assert len(house.events) == 1
    assert house.topologies.told("state") == ONE


@pytest.mark.parametrize("store", [None, ALONE])
def test_where_nobody_need_be_asked_nothing_is_known(store: Store | None) -> None:
    assert House().look(store) == [None]


def test_it_is_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    house = House(ONE, OTHER)

    async def body() -> None:
        watched = msgspec.structs.replace(NOBODY, state=WATCHED)
        with pytest.raises(IndexError):  # there are no more answers
            await house.topologies.watch(lambda: watched)

    asyncio.run(body())
    assert [finding for name, finding in house.found if name == "store/state"] == [ONE, OTHER]
