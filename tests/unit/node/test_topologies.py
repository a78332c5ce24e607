"""How control finds out who serves a store."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from tta_gateway.node import topologies as module
from tta_gateway.node.topologies import Topologies
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.valkey.error import Unavailable
from tta_gateway.support.valkey.topology import Address, Served, Store, Topology, single

ONE, OTHER = single(Address("10.0.0.1", 6379)), single(Address("10.0.0.2", 6379))
WATCHED = Store(kind="sentinel", addresses=(Address("10.0.0.9", 26379),), master="tta")
ALONE = Store(addresses=(Address("10.0.0.1", 6379),))
NOBODY = Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=())


def topology_of(finding: object) -> object:
    """Who serves, of a finding about the store that is watched."""
    if not isinstance(finding, Served):
        return finding
    assert finding.of == WATCHED.named
    return finding.topology


class House:
    """Control, and Sentinels that give these answers in turn."""

    def __init__(self, *answers: Topology | Exception) -> None:
        self.answers = list(answers)
        self.found: list[tuple[str, object]] = []
        self.events: list[object] = []
        self.topologies = Topologies(
            cast("Any", self), cast("Any", self), ask=self.ask, chance=lambda: 0.5
        )

    async def ask(self, _: Store) -> Topology:
        if not self.answers:
            raise asyncio.CancelledError
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def put(self, name: str, finding: object) -> None:
        self.found.append((name, finding))

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, fields["store"], fields["by"]))

    def look(self, state: Store | None) -> list[object]:
        """Look once; return what is said of the state's store."""
        self.found.clear()
        asyncio.run(self.topologies.look(msgspec.structs.replace(NOBODY, state=state)))
        return [topology_of(one) for name, one in self.found if name == "store/state"]


def test_who_serves_is_told_and_logged_when_it_changes() -> None:
    house = House(ONE, ONE, OTHER)
    assert [house.look(WATCHED) for _ in range(3)] == [[ONE], [ONE], [OTHER]]
    assert house.events == [
        ("store_served", "state", ["10.0.0.1:6379"]),
        ("store_served", "state", ["10.0.0.2:6379"]),
    ]


@pytest.mark.parametrize("fault", [Unavailable("nobody answers"), IndexError("a fault of ours")])
def test_while_nobody_answers_what_was_known_stays(fault: Exception) -> None:
    house = House(ONE, fault, ONE)
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
        with pytest.raises(asyncio.CancelledError):  # there are no more answers
            await house.topologies.watch(lambda: watched)

    asyncio.run(body())
    found = [topology_of(one) for name, one in house.found if name == "store/state"]
    assert found == [ONE, OTHER]
