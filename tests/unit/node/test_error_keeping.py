"""From a worker's exchange to a sealed record, and what becomes of those that find no room."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.unit.node.test_reporting import REPORT, a_snapshot
from tta_gateway.features.error_records.bound import ErrorRecordsBound
from tta_gateway.features.error_records.metrics import RECORDS
from tta_gateway.features.error_records.record import Record
from tta_gateway.features.error_records.sqlite_store import NAME, SqliteStore
from tta_gateway.kernel.crisis import HELPED, KEPT, WITHHELD
from tta_gateway.kernel.incident import Report, Reports
from tta_gateway.node.error_keeping import A_SECOND, ErrorKeeping, Remembered, record_of
from tta_gateway.node.error_sealing import Seal
from tta_gateway.node.key_ring import ring_of
from tta_gateway.support.clock import Stamp
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.sealing import Erased
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

MARK = "kanarie: what a service said"


def a_record(number: int = 1, *, person: str = "", at: float = 1_700_000_000.0) -> Record:
    return Record(
        id=f"r{number}",
        at=at,
        correlation="c-1",
        kind="error",
        status=500,
        person=person,
        body=MARK.encode(),
    )


class House:
    """A worker's keeping, with a state folder."""

    def __init__(self, state: Path, bound: ErrorRecordsBound | None = None) -> None:
        self.state, self.clock, self.registry = state, FakeClock(), Registry()
        self.lines: list[bytes] = []
        self.later: list[Callable[[], None]] = []
        self.keeping = ErrorKeeping(
            clock=self.clock,
            registry=self.registry,
            tell=self.later.append,
            log=EventLog(self, Stamp(self.clock.wall)),
        )
        self.bound = bound or ErrorRecordsBound()

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    def open(self) -> None:
        self.keeping.open(a_snapshot(self.state), self.bound)

    def count(self, outcome: str) -> float:
        return self.registry.child(RECORDS, outcome).values()[0]

    def events(self) -> list[str]:
        for call in self.later:
            call()
        return [json.loads(one)["event"] for one in self.lines]

    def opened(self, id: str) -> Record:
        store = SqliteStore(self.state)
        row = store.row(id)
        store.close()
        assert row is not None
        seal = Seal(self.state, ring_of(a_snapshot(self.state)))
        try:
            return seal.opened(row)
        finally:
            seal.close()


def test_records_are_kept_sealed_and_can_be_opened(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.open()
    for one in (a_record(1, person="gateway/ada"), a_record(2)):
        assert house.keeping.has_room(is_urgent=False)
        house.keeping.put(one)
    house.keeping.close()
    assert house.count("kept") == 2
    assert house.opened("r1") == a_record(1, person="gateway/ada")
    assert house.opened("r2") == a_record(2)
    files = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert not any(b"kanarie" in one.read_bytes() for one in files)
    assert not any(b"gateway/ada" in one.read_bytes() for one in files)


def test_who_erases_a_person_erases_their_records(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.open()
    house.keeping.put(a_record(1, person="gateway/ada"))
    house.keeping.close()
    keys = KeyStore(tmp_path, ring_of(a_snapshot(tmp_path)))
    assert keys.erase("gateway/ada")
    keys.close()
    with pytest.raises(Erased):
        house.opened("r1")


def test_a_flood_is_tidied_before_the_next_minute(tmp_path: Path) -> None:
    """Red where only the clock has records forgotten."""
    house = House(tmp_path, ErrorRecordsBound(size=64 * 1024))
    house.open()
    for number in range(1000):
        house.keeping.put(a_record(number))
    house.keeping.close()
    assert house.count("kept") == 1000
    store = SqliteStore(tmp_path)
    kept = store.rows(most=1000)
    store.close()
    assert 0 < len(kept) < 500
    assert kept[0].id == "r999"


def test_refusals_that_asked_no_service_are_taken_a_tenth_as_often(tmp_path: Path) -> None:
    """Where many are turned away, each alike, sealing them would cost more than serving others."""
    house = House(tmp_path)
    house.open()
    alike = sum(house.keeping.has_room(is_urgent=False, is_alike=True) for _ in range(100))
    assert alike == 2 * A_SECOND // 10
    house.keeping.close()


def test_in_a_second_so_many_are_taken_and_acts_of_safety_beside_them(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.open()
    taken = sum(house.keeping.has_room(is_urgent=False) for _ in range(3 * A_SECOND))
    assert (taken, house.count("crowded")) == (2 * A_SECOND, A_SECOND)
    assert house.keeping.has_room(is_urgent=True)
    house.clock.advance(1.0)
    assert sum(house.keeping.has_room(is_urgent=False) for _ in range(2 * A_SECOND)) == A_SECOND
    house.keeping.close()


def test_before_it_is_open_and_after_it_is_closed_there_is_no_room(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert not house.keeping.has_room(is_urgent=True)
    house.open()
    house.keeping.close()
    house.keeping.close()
    assert not house.keeping.has_room(is_urgent=True)
    assert house.count("crowded") == 2


def test_where_no_records_are_kept_none_is_lost(tmp_path: Path) -> None:
    house = House(tmp_path, ErrorRecordsBound(enabled=False))
    house.open()
    assert not house.keeping.has_room(is_urgent=True)
    assert house.count("crowded") == 0
    house.keeping.close()


def test_a_disk_that_takes_nothing_costs_records_and_says_so_once(tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / NAME).mkdir()
    house.open()
    house.keeping.put(a_record(1))
    house.keeping.close()
    assert house.count("failed") == 1
    assert house.events() == ["error_records_trouble"]


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    house = House(tmp_path, ErrorRecordsBound(keep=60.0))
    house.open()
    now = house.clock.wall()
    house.keeping.put(a_record(1, at=now - 61.0))
    house.keeping.put(a_record(2, at=now - 59.0))
    house.keeping.close()
    store = SqliteStore(tmp_path)
    assert [one.id for one in store.rows()] == ["r2"]
    store.close()


class Kept:
    """Reports that are kept."""

    async def put(self, report: Report, text: str) -> bool:
        return bool(report.id and text)


def test_a_report_of_a_socket_leaves_a_record_without_its_words(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.open()
    remembered = Remembered(cast("Reports", Kept()), house.keeping, lambda: "r7")

    async def told() -> bool:
        return await remembered.put(REPORT, "what somebody wrote")

    assert asyncio.run(told())
    house.keeping.close()
    record = house.opened("r7")
    assert (record.correlation, record.person, record.acted) == ("c-1", "ana", HELPED)
    assert (record.kind, record.level, record.withheld) == ("safety", 2, "")


def test_a_record_says_what_was_done() -> None:
    from msgspec.structs import replace

    assert record_of(replace(REPORT, source="reply"), "r").acted == WITHHELD
    assert record_of(replace(REPORT, delivered=False), "r").acted == KEPT
    assert record_of(replace(REPORT, identity="unknown"), "r").person == ""


def test_it_says_until_when_none_of_those_that_are_alike_are_taken(tmp_path: Path) -> None:
    """Who asks no sooner is told the same as who asks each time."""
    house = House(tmp_path)
    house.open()
    try:
        while house.keeping.has_room(is_urgent=False, is_alike=True):
            assert house.keeping.closed_until <= house.clock.monotonic()
        wait = house.keeping.closed_until - house.clock.monotonic()
        assert 0.0 < wait <= 0.2 + 1e-6
        house.clock.advance(wait - 0.001)
        assert not house.keeping.has_room(is_urgent=False, is_alike=True)
        house.clock.advance(0.002)
        assert house.keeping.has_room(is_urgent=False, is_alike=True)
    finally:
        house.keeping.close()
