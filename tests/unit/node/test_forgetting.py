"""What the store keeps of a person is deleted, once for all nodes, and nobody else's."""

import asyncio
from typing import Any, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tests.unit.node.test_channel_rules import RULES
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.inbox import Letter
from tta_gateway.features.realtime.publication import Keeping, Publication
from tta_gateway.node.forgetting import SETTLED, Done, Forgetting
from tta_gateway.node.store_keys import NotErased
from tta_gateway.support.valkey.error import Unavailable

KEPT = Keeping(size=10, seconds=60)


class Keys:
    """Keys of what stands in the store, each of which is destroyed once."""

    def __init__(self, house: "House") -> None:
        self.house = house
        self.fails = False
        self.destroyed: list[tuple[str, str, list[str]]] = []

    async def erase(self, subject: str, *, id: str) -> None:
        if self.fails:
            raise NotErased("the database is away")
        self.destroyed.append((subject, id, self.house.kept()))


class House:
    """A store, and a node that forgets there; `done` is what the store keeps of it."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), FakeClock()
        self.broker, self.inbox = MemoryBroker(self.store), MemoryInbox(self.store)
        self.keys = Keys(self)
        self.done: set[str] = set()
        self.has_store, self.is_own, self.rewritten = True, False, 0
        self.forgetting = self.another()

    def another(self) -> Forgetting:
        """Another node, or the same behind a restart."""
        return Forgetting(
            cast("Any", self),
            self.keys,
            self.inbox,
            self.broker,
            rules=lambda: RULES,
            has_store=lambda: self.has_store,
            is_own=lambda: self.is_own,
            monotonic=self.clock.monotonic,
        )

    async def has(self, id: str) -> bool:
        if self.store.is_away:
            raise Away("cut", may_be_done=False)
        return id in self.done

    async def add(self, id: str) -> None:
        self.done.add(id)

    async def rewrite(self) -> None:
        self.rewritten += 1
        if self.rewritten == 1:
            raise Away("ERR", may_be_done=False)

    def write(self, *people: str) -> None:
        """Write to these, in all ways."""

        async def work() -> None:
            for one in people:
                for channel in (f"user:{one}", f"diary:{one}", f"session:{one}"):
                    await self.broker.publish(channel, Publication(b"1"), keeping=KEPT)
                await self.inbox.post(one, Letter("a", Publication(b"1"), 1000))
                await self.inbox.post(one, Letter("b", Publication(b"1"), 0))

        asyncio.run(work())

    def forget(self, person: str = "clinic/ada", id: str = "e1") -> bool:
        return asyncio.run(self.forgetting.forget(person, id=id))

    def kept(self) -> list[str]:
        """Whose something is there."""
        letters = [name for name, box in self.inbox.boxes.items() if box.kept or box.graves]
        channels = [name for name, some in self.store.kept.items() if some]
        return sorted([*channels, *letters])


def test_all_that_is_theirs_goes_and_what_is_others_stays() -> None:
    house = House()
    house.write("ada", "ben")
    assert not house.forget()
    assert house.kept() == ["ben", "diary:ben", "session:ada", "session:ben", "user:ben"]


def test_the_key_goes_before_what_it_has_sealed() -> None:
    house = House()
    house.write("ada")
    kept = house.kept()
    house.forget()
    assert house.keys.destroyed == [("ada", "e1", kept)]


def test_while_the_key_cannot_be_destroyed_the_erasure_waits() -> None:
    house = House()
    house.write("ada")
    house.keys.fails = True
    with pytest.raises(Away, match="the database is away"):
        house.forget()
    house.keys.fails = False
    assert not house.forget()
    assert house.kept() == ["session:ada"]


def test_it_is_done_for_good_when_all_have_ended_what_was_open() -> None:
    house = House()
    assert not house.forget()
    house.clock.advance(SETTLED - 1)
    house.write("ada")  # by a node that has not heard of it
    assert not house.forget()
    assert house.kept() == ["session:ada"]
    house.write("ada")
    house.clock.advance(1)
    assert house.forget()
    assert (house.kept(), house.done) == (["session:ada"], {"e1"})
    house.write("ada")  # who writes again is erased no more
    assert house.forget()
    house.forgetting = house.another()
    assert house.forget()
    assert "user:ada" in house.kept()
    assert not house.forget(id="e2")
    assert "user:ada" not in house.kept()


def test_the_log_of_the_node_s_own_server_is_written_anew_before_it_is_done_for_good() -> None:
    house = House()
    house.is_own = True
    house.forget()
    house.clock.advance(SETTLED)
    with pytest.raises(Away):  # it was just at it
        house.forget()
    assert (house.rewritten, house.done) == (1, set())
    assert house.forget()
    assert (house.rewritten, house.done) == (2, {"e1"})


def test_a_store_that_has_gone_back_is_rid_of_it_again() -> None:
    house = House()
    house.forget()
    house.clock.advance(SETTLED)
    assert house.forget()
    house.done.clear()
    house.write("ada")
    assert not house.forget()
    assert house.kept() == ["session:ada"]


def test_a_store_that_is_away_is_not_passed_over() -> None:
    house = House()
    house.write("ada")
    house.store.is_away = True
    with pytest.raises(Away):
        house.forget()
    house.clock.advance(SETTLED)
    house.store.is_away = False
    assert not house.forget()
    assert house.kept() == ["session:ada"]


@pytest.mark.parametrize(("person", "has_store"), [("network/n1", True), ("clinic/ada", False)])
def test_where_nothing_can_be_nothing_is_asked(person: str, *, has_store: bool) -> None:
    house = House()
    house.has_store, house.store.is_away = has_store, True
    assert house.forget(person)


class Client:
    """A client of a store that needs a moment."""

    def __init__(self, *, is_open: bool) -> None:
        self.is_open = is_open
        self.waited = 0
        self.kept: set[str] = set()

    async def ready(self, patience: float) -> None:
        self.waited += 1
        assert patience <= 1.0
        raise Unavailable("not yet")

    async def command(self, word: str, _: bytes, id: str, *__: object, **___: object) -> int:
        if word == "HEXISTS":
            return int(id in self.kept)
        self.kept.add(id)
        return 1


@pytest.mark.parametrize("is_open", [True, False])
def test_a_client_that_has_just_been_made_is_given_a_moment(*, is_open: bool) -> None:
    client = Client(is_open=is_open)
    done = Done(lambda: cast("Any", client))

    async def work() -> tuple[bool, bool]:
        before = await done.has("e1")
        await done.add("e1")
        return before, await done.has("e1")

    assert asyncio.run(work()) == (False, True)
    assert client.waited == (0 if is_open else 2)


def test_without_a_client_it_is_away() -> None:
    with pytest.raises(Away):
        asyncio.run(Done(lambda: None).has("e1"))
