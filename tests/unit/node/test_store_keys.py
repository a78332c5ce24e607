"""Keys of what stands in the store for state: told to all, and destroyed once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tests.unit.node.test_key_ring import snapshot
from tests.unit.node.test_vaults import Kept
from tests.unit.node.test_vaults import shared as of_a_shared_store
from tta_gateway.features.erasure.bound import STORE_KEYS, StoreKeys
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.store_keys import SETTLES, NotErased, StoreKeeping
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.forest import Forest, Made, opened
from tta_gateway.support.crypto.key_store import NAME
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.url import DatabaseUrl
from tta_gateway.support.valkey.topology import Address, Store

POSTGRES = cast("DatabaseUrl", "of all nodes")  # nobody connects to it here


def own(state: Path, *keys: bytes) -> Snapshot:
    """A node with a store of its own."""
    store = Store(addresses=(Address(unix="s"),), embedded=True)
    return msgspec.structs.replace(snapshot(state, *keys), state=store)


def shared(state: Path, *keys: bytes) -> Snapshot:
    """A node that shares its store, and a database."""
    return msgspec.structs.replace(of_a_shared_store(state, *keys), database=POSTGRES)


class Memory:
    """The database of all nodes, which may be away."""

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.number, self.kept, self.done = 0, b"", set[str]()
        self.read = 0

    async def revision(self) -> int:
        if self.fails is not None:
            raise self.fails
        return self.number

    async def changed(self, made: Made, *, once: str = "") -> tuple[int, bytes]:
        if self.fails is not None:
            raise self.fails
        self.read += 1
        if not once or once not in self.done:
            after = made(self.kept or None)
            self.number += after != self.kept
            self.kept = after
            self.done |= {once}
        return self.number, self.kept


class House:
    """A node's control."""

    def __init__(self, found: Snapshot, memory: Memory | None = None) -> None:
        self.snapshot, self.memory = found, memory or Memory()
        self.told: dict[str, msgspec.Struct | None] = {}
        self.log, self.clock = Kept(), FakeClock()
        self.keeping = StoreKeeping(
            self.log.log,
            self.clock,
            snapshot=lambda: self.snapshot,
            database=lambda: self.memory,
            put=self._put,
        )

    def _put(self, name: str, said: msgspec.Struct | None) -> None:
        self.told[name] = said

    def look(self) -> None:
        asyncio.run(self.keeping.look())

    def erase(self, subject: str = "ada", id: str = "e1") -> None:
        asyncio.run(self.keeping.erase(subject, id=id))

    @property
    def seals(self) -> bytes:
        """Which tree seals."""
        told = self.told[STORE_KEYS]
        assert isinstance(told, StoreKeys)
        return told.seals

    @property
    def forest(self) -> Forest:
        """What all have been told."""
        told = self.told[STORE_KEYS]
        assert isinstance(told, StoreKeys)
        return opened(ring_of(self.snapshot), told.forest)

    @property
    def leaf(self) -> int:
        """Which key of hers seals."""
        return self.forest.trees[-1].tree.leaf("person ada")


Makes = Callable[[Path], House]
EACH = pytest.mark.parametrize(
    "made", [lambda p: House(own(p)), lambda p: House(shared(p, b"a" * 32))]
)


@EACH
def test_it_is_planted_and_told_and_stays_what_it_is(made: Makes, tmp_path: Path) -> None:
    house = made(tmp_path)
    house.look()
    first = house.forest
    house.look()
    assert house.forest == first
    house.told.clear()
    house.look()
    assert house.told == {}  # nothing has changed


@EACH
def test_a_key_is_destroyed_once_for_each_erasure(made: Makes, tmp_path: Path) -> None:
    house = made(tmp_path)
    house.look()
    first = house.leaf
    house.erase()
    second = house.leaf
    assert second != first
    house.erase()
    assert house.leaf == second
    house.erase(id="e2")
    assert house.leaf not in (first, second)
    house.look()
    assert house.leaf not in (first, second)


def test_where_the_store_is_its_own_the_keys_stand_in_the_state_folder(tmp_path: Path) -> None:
    house = House(own(tmp_path))
    house.look()
    assert (tmp_path / NAME).exists()
    assert house.memory.read == 0
    assert House(own(tmp_path)).keeping is not house.keeping
    again = House(own(tmp_path))
    again.look()
    assert again.forest == house.forest


def test_a_new_tree_seals_when_all_nodes_have_looked(tmp_path: Path) -> None:
    house = House(shared(tmp_path, b"a" * 32))
    house.look()
    assert house.seals == b""
    house.clock.advance(SETTLES)
    house.look()
    assert house.seals == house.forest.trees[0].tree.id
    alone = House(own(tmp_path))
    alone.look()
    assert alone.seals == alone.forest.trees[0].tree.id


def test_another_node_is_told_of_what_one_has_erased(tmp_path: Path) -> None:
    memory = Memory()
    one = House(shared(tmp_path / "one", b"a" * 32), memory)
    other = House(shared(tmp_path / "other", b"a" * 32), memory)
    one.look()
    other.look()
    assert other.forest == one.forest
    one.erase()
    other.look()
    assert other.forest == one.forest
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize(
    "found",
    [
        snapshot,
        of_a_shared_store,
        lambda state: of_a_shared_store(state, b"a" * 32),
        lambda state: msgspec.structs.replace(of_a_shared_store(state), database=POSTGRES),
    ],
)
def test_without_a_place_that_all_share_there_is_none(
    found: Callable[[Path], Snapshot], tmp_path: Path
) -> None:
    house = House(found(tmp_path))
    house.look()
    house.erase()
    assert house.told == {STORE_KEYS: None}
    assert house.memory.read == 0


def test_a_database_that_is_away_is_said_once_and_asked_again(tmp_path: Path) -> None:
    house = House(shared(tmp_path, b"a" * 32))
    house.memory.fails = Unavailable("not there")
    house.look()
    house.look()
    assert house.log.events == ["store_keys_not_read"]
    with pytest.raises(NotErased, match="not there"):
        house.erase()
    house.memory.fails = Conflict("IntegrityError")
    house.look()  # another node was faster
    assert house.log.events == ["store_keys_not_read"]
    house.memory.fails = None
    house.look()
    assert STORE_KEYS in house.told


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    house = House(own(tmp_path))
    (tmp_path / NAME).write_bytes(b"no database at all" * 100)
    house.look()
    assert house.log.events == ["store_keys_not_read"]


def test_keys_of_others_are_said_and_those_of_the_operator_wrap_it_anew(tmp_path: Path) -> None:
    memory = Memory()
    one = House(shared(tmp_path, b"a" * 32), memory)
    one.look()
    other = House(shared(tmp_path, b"b" * 32), memory)
    other.look()
    assert other.log.events == ["store_keys_not_read"]
    with pytest.raises(NotErased):
        other.erase()
    before = one.forest
    one.snapshot = shared(tmp_path, b"b" * 32, b"a" * 32)
    one.look()
    assert one.forest == before
    other.look()
    assert other.forest == before


def test_what_was_told_before_is_told_until_it_has_been_read(tmp_path: Path) -> None:
    house = House(shared(tmp_path, b"a" * 32))
    house.look()
    told = house.told[STORE_KEYS]
    after = House(shared(tmp_path, b"a" * 32))
    after.memory.fails = Unavailable("not there")
    after.keeping.recover({STORE_KEYS: msgspec.msgpack.encode(told)})
    after.look()
    assert after.forest == house.forest
    for raw in ({}, {STORE_KEYS: b"\x90"}):
        fresh = House(shared(tmp_path, b"a" * 32))
        fresh.keeping.recover(raw)
        assert fresh.told == {}
    bare = House(of_a_shared_store(tmp_path))
    bare.keeping.recover({STORE_KEYS: msgspec.msgpack.encode(told)})
    assert bare.told == {}


def test_it_looks_for_ever(tmp_path: Path) -> None:
    house = House(own(tmp_path))

    async def work() -> None:
        pauses = 0

        async def sleep(_: float) -> None:
            nonlocal pauses
            pauses += 1
            if pauses == 3:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await house.keeping.run(cast("Any", sleep))

    asyncio.run(work())
    assert house.forest.trees
