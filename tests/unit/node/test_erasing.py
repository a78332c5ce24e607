"""What somebody has written becomes unreadable on every node; what they write later is not."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from fastapi import HTTPException

from tests.helpers.change_store import MemoryChanges
from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tests.helpers.incidents import a_report
from tta_gateway.features.access.bound import AccessBound
from tta_gateway.features.changes.algorithm import State
from tta_gateway.features.erasure.api import Erasure
from tta_gateway.features.erasure.bound import ERASED
from tta_gateway.features.erasure.bound import Erased as ErasedPeople
from tta_gateway.features.escalation.register import Away
from tta_gateway.features.identity.problems import MISSING, NO_PERSON
from tta_gateway.features.realtime.broker import Away as StoreAway
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.incident import Report
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.two_person import Unfit
from tta_gateway.node import erasing
from tta_gateway.node.erasing import KIND, OVERLAP, Erasing
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.reporting import EVIDENCE, text_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.sealing import Erased

WHY = "asked for by the person"
ADA = "clinic/ada"


class Register:
    """Incidents of all nodes, which may be away."""

    def __init__(self) -> None:
        self.is_away = False
        self.erased: list[tuple[str, str, float]] = []

    async def erase(self, person: str, *, id: str, at: float) -> None:
        if self.is_away:
            raise Away("cut")
        self.erased.append((person, id, at))


class Forgets:
    """The store for state, which may be away, and is done for good at the third time."""

    def __init__(self) -> None:
        self.is_away = False
        self.asked: list[tuple[str, str]] = []

    async def forget(self, person: str, *, id: str) -> bool:
        if self.is_away:
            raise StoreAway("cut", may_be_done=False)
        self.asked.append((person, id))
        return self.asked.count((person, id)) >= 3


class House:
    """A node; who shows `Bearer admin` is the administration, others show subject and role."""

    def __init__(self, folder: Path, store: MemoryChanges, *two_person: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.store, self.events = folder, store, Events()
        self.is_open = True
        self.register, self.forgets = Register(), Forgets()
        self.told: list[dict[str, str]] = []
        self.clock = FakeClock(wall=2_000_000.0)
        self.opened = 0
        access = msgspec.Raw(msgspec.msgpack.encode(AccessBound(two_person=two_person)))
        self.snapshot = Snapshot(
            version=1,
            state_dir=str(folder),
            listeners=(),
            services=(),
            routes=(),
            features={"access": access},
        )
        self.erasing = Erasing(
            cast("Any", self.events),
            self.clock,
            store=lambda: cast("Any", store),
            open=self._opened,
            is_there=lambda: self.is_open,
            register=lambda: cast("Any", self.register),
            forgetting=self.forgets,
            put=self._put,
            shown=self._shown,
            is_admin=lambda said: said == "Bearer admin",
        )
        self.erasing.adopt(parted(self.snapshot))
        self.envelope = Envelope(KeyStore(folder, ring_of(self.snapshot)))

    def _put(self, name: str, said: msgspec.Struct | None) -> None:
        assert name == ERASED
        assert said is None or isinstance(said, ErasedPeople)
        self.told.append({} if said is None else said.people)

    def _opened(self) -> None:
        self.opened += 1

    def _shown(self, authorization: str | None) -> Principal:
        if not authorization:
            raise ClientFault(MISSING)
        if authorization == "Bearer program":
            raise ClientFault(NO_PERSON)
        subject, _, role = authorization.partition(" ")
        return Principal(subject=subject, issuer="clinic", roles=frozenset({role}))

    def written(self, person: str = ADA, id: str = "r1") -> Report:
        """Return a report as a worker writes it, with its words sealed."""
        sealed = self.envelope.seal(b"words", person=person, purpose=EVIDENCE, about=id)
        return a_report(id, person=person, evidence=sealed)

    def erase(self, person: str = ADA) -> Erasure:
        return asyncio.run(self.erasing.erase(person, reason=WHY, by="eve"))

    def look(self) -> None:
        asyncio.run(self.erasing.look())


@pytest.fixture
def store() -> MemoryChanges:
    return MemoryChanges()


@pytest.fixture
def house(tmp_path: Path, store: MemoryChanges) -> Iterator[House]:
    made = House(tmp_path / "one", store)
    yield made
    made.envelope.store.close()


def is_readable(house: House, report: Report) -> bool:
    try:
        return text_of(report, house.envelope) == "words"
    except Erased:
        return False


def test_what_somebody_has_written_is_unreadable_then_and_what_others_have_is_not(
    house: House,
) -> None:
    theirs, other = house.written(), house.written("clinic/bob")
    assert is_readable(house, theirs)
    made = house.erase()
    assert (made.person, made.by, made.here) == (ADA, "eve", True)
    assert not is_readable(house, theirs)
    assert is_readable(house, other)
    assert [name for name, _ in house.events.told] == ["person_erased"]
    assert ADA not in repr(house.events.told)


def test_each_node_does_it_once_so_that_what_they_write_later_stays(
    house: House, store: MemoryChanges, tmp_path: Path
) -> None:
    other = House(tmp_path / "two", store)
    there = other.written()
    house.erase()
    assert is_readable(other, there)
    other.look()
    assert not is_readable(other, there)
    later = other.written(id="r2")
    begun_anew = House(tmp_path / "two", store)
    begun_anew.look()
    assert is_readable(other, later)
    other.envelope.store.close()


def test_a_node_whose_keys_cannot_be_written_tries_again_and_says_so_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = house.written()

    def fails(*_: object, **__: object) -> bool:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(KeyStore, "erase", fails)
        assert not house.erase().here
        house.look()
    assert [name for name, _ in house.events.told] == ["person_not_erased"]
    house.look()
    assert not is_readable(house, theirs)


def test_all_of_a_network_has_one_key(house: House) -> None:
    theirs = house.written("network/n1")
    assert house.erase("network/n1/abc").person == "network/n1"
    assert not is_readable(house, theirs)


def test_it_is_known_who_was_erased_why_and_by_whom(house: House) -> None:
    house.erase()
    (one,) = asyncio.run(house.erasing.all())
    assert (one.person, one.reason, one.by) == (ADA, WHY, "eve")


@pytest.mark.parametrize("person", ["ada", "/", "clinic/", "/ada", "network//ada"])
def test_whom_nothing_names_is_not_erased(house: House, person: str) -> None:
    with pytest.raises(HTTPException) as told:
        house.erase(person)
    assert told.value.status_code == 422


def test_somebody_whose_name_is_an_address_is_erased_too(house: House) -> None:
    house.erase("clinic/https://id.example/u/")
    assert [one.person for one in asyncio.run(house.erasing.all())] == [
        "clinic/https://id.example/u/"
    ]


def test_without_the_database_nothing_is_erased(
    house: House, store: MemoryChanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "PATIENCE", 0.0)
    theirs = house.written()
    house.is_open = False
    with pytest.raises(HTTPException) as told:
        house.erase()
    assert (told.value.status_code, house.opened) == (503, 1)
    house.look()
    house.is_open, store.is_away = True, True
    house.look()
    assert is_readable(house, theirs)


def test_a_database_that_is_being_opened_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_AGAIN", 0.0)
    house.is_open = False
    answers = iter([False, False])
    house.erasing._is_there = lambda: next(answers, True)
    assert house.erase().here


def status(house: House, shown: str | None) -> int:
    with pytest.raises(HTTPException) as told:
        house.erasing.eraser(shown)
    return told.value.status_code


def test_who_may_is_the_administration_or_somebody_whose_role_holds_it(house: House) -> None:
    assert house.erasing.eraser("Bearer admin") == "administration"
    assert house.erasing.eraser("eve admin") == "eve"
    assert status(house, None) == 401
    assert status(house, "Bearer program") == 403
    assert status(house, "eve player") == 403


def test_where_changes_need_two_people_so_does_this(tmp_path: Path, store: MemoryChanges) -> None:
    house = House(tmp_path / "one", store, "therapist")
    theirs = house.written()
    with pytest.raises(HTTPException) as told:
        house.erase()
    assert (told.value.status_code, KIND in str(told.value.detail)) == (409, True)
    assert is_readable(house, theirs)


def test_as_a_change_it_is_prepared_decided_by_another_and_made_by_each_node(
    house: House, store: MemoryChanges
) -> None:
    theirs = house.written()

    async def decided() -> None:
        prepared = await house.erasing.prepare({"person": ADA})
        assert json.loads(prepared.change) == {"person": ADA}
        apply = house.erasing.apply
        with pytest.raises(Unfit):
            await apply(cast("Any", None), prepared.change, id="c1", by="ada", now=2.0)
        await apply(cast("Any", None), prepared.change, id="c1", by="eve", now=2.0)
        await house.erasing.erase(ADA, reason=WHY, by="bob")
        await house.erasing.applied()
        for wrong in ({"person": 7}, {"person": "ada"}, {"person": ADA, "more": 1}):
            with pytest.raises(Unfit):
                await house.erasing.prepare(wrong)

    asyncio.run(decided())
    assert [one.state for one in store.kept.values()] == [State.APPLIED]
    assert not is_readable(house, theirs)


def test_it_looks_for_ever(house: House, store: MemoryChanges, tmp_path: Path) -> None:
    theirs = house.written()
    House(tmp_path / "two", store).erase()

    async def over(_: float) -> None:
        raise EOFError

    with pytest.raises(EOFError):
        asyncio.run(house.erasing.run(over))
    assert not is_readable(house, theirs)


def test_the_key_that_all_nodes_have_is_erased_as_well_or_it_is_not_done(house: House) -> None:
    house.register.is_away = True
    told = house.erase()
    assert not told.here
    house.look()
    assert [name for name, _ in house.events.told].count("person_not_erased") == 1
    house.register.is_away = False
    house.look()
    assert house.register.erased == [(ADA, told.id, told.at)]
    house.look()
    assert len(house.register.erased) == 1


def test_what_stands_in_the_store_is_deleted_until_that_is_so_for_good(house: House) -> None:
    told = house.erase()
    assert (told.here, told.waits) == (True, ())
    for _ in range(4):
        house.look()
    assert house.forgets.asked == [(ADA, told.id)] * 3


def test_a_store_that_is_away_is_waited_for_however_long_and_the_erasure_says_so(
    house: House,
) -> None:
    """Red where `_since` goes on from what is done alone."""
    theirs = house.written()
    house.forgets.is_away = True
    first = house.erase()
    assert (first.here, first.waits) == (False, ("store",))
    assert not is_readable(house, theirs)
    house.clock.advance(3 * OVERLAP)
    house.look()
    second = house.erase("clinic/ben")
    assert second.waits == ("store",)
    assert [name for name, _ in house.events.told].count("person_not_erased") == 1
    house.forgets.is_away = False
    house.look()
    assert [one.waits for one in asyncio.run(house.erasing.all())] == [(), ()]
    assert house.forgets.asked == [(ADA, first.id), ("clinic/ben", second.id)]
    assert len(house.register.erased) == 2


def test_an_older_one_is_looked_at_for_as_long_as_it_is_not_done(house: House) -> None:
    house.register.is_away = True
    first = house.erase()
    assert first.waits == ("database",)
    house.clock.advance(3 * OVERLAP)
    other = house.erase("clinic/ben")
    house.look()
    house.register.is_away = False
    house.look()
    assert [one[1] for one in house.register.erased] == [first.id, other.id]


def test_workers_are_told_of_those_that_are_new_here_for_a_day(
    house: House, store: MemoryChanges, tmp_path: Path
) -> None:
    house.look()
    assert house.told == [{}]
    first = house.erase()
    assert house.told[-1] == {first.id: ADA}
    house.clock.advance(OVERLAP / 2)
    second = house.erase()
    assert house.told[-1] == {first.id: ADA, second.id: ADA}
    house.clock.advance(OVERLAP / 2)
    house.look()
    assert house.told[-1] == {second.id: ADA}
    begun_anew = House(tmp_path / "two", store)
    begun_anew.clock.advance(3 * OVERLAP)
    begun_anew.look()
    assert begun_anew.told == [{}]
    late = House(tmp_path / "three", MemoryChanges())
    late.look()
    late.clock.advance(3 * OVERLAP)
    late.erasing._store = cast("Any", store)
    late.look()  # the database was away for days
    assert late.told[-1] == {first.id: ADA, second.id: ADA}
    late.envelope.store.close()
    begun_anew.envelope.store.close()
