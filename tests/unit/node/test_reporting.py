"""Reporting: from what somebody in need wrote to a record that the guard can read."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.incident import Report
from tta_gateway.node.key_ring import NAME, ring_of
from tta_gateway.node.reporting import FOLDER, LONGEST, Reporting, report_of, shortened, text_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Stamp
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.sealing import Erased
from tta_gateway.support.journal.reader import Reader
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

REPORT = Report(
    id="019a",
    at=1_790_000_000.0,
    person="ana",
    identity="verified",
    level=2,
    categories=("self_harm",),
    rules=("r1",),
    version="1",
    source="request",
    route="/chat",
    service="chat",
    correlation="c-1",
    delivered=True,
)
TEXT = "kanarie: what somebody wrote"


class House:
    """A worker's reporting, with a state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.lines: list[bytes] = []
        clock = FakeClock()
        self.reporting = Reporting(
            asyncio.get_running_loop(),
            clock=clock,
            registry=Registry(),
            log=EventLog(self, Stamp(clock.wall)),
        )

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    @property
    def events(self) -> list[str]:
        return [json.loads(one)["event"] for one in self.lines]

    def reports(self, *keys: bytes) -> list[Report]:
        reader = Reader(
            self.state / FOLDER, ring_of(a_snapshot(self.state, *keys)), trouble=lambda _: None
        )
        found = [report_of(one.payload) for one in reader.read({})]
        reader.close()
        return found

    def envelope(self, *keys: bytes) -> Envelope:
        return Envelope(KeyStore(self.state, ring_of(a_snapshot(self.state, *keys))))


def a_snapshot(state: Path, *keys: bytes, volatile: bool = False) -> Snapshot:
    return Snapshot(
        version=1,
        state_dir=str(state),
        listeners=(),
        services=(),
        routes=(),
        encryption_keys=keys,
        volatile_journal=volatile,
    )


def run(state: Path, work: Callable[[House], Awaitable[None]]) -> House:
    async def main() -> House:
        house = House(state)
        try:
            await work(house)
        finally:
            house.reporting.close()
        return house

    return asyncio.run(main())


def test_a_report_is_durable_and_can_be_read_with_its_text(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path), 3)
        assert await house.reporting.put(REPORT, TEXT)
        (found,) = house.reports()
        assert msgspec.structs.replace(found, evidence=b"") == REPORT
        assert text_of(found, house.envelope()) == TEXT

    run(tmp_path, work)


def test_a_process_with_hardly_any_makes_nothing_before_its_first_report(tmp_path: Path) -> None:
    async def work(_: House) -> None:
        clock = FakeClock()
        log = EventLog(House(tmp_path), Stamp(clock.wall))
        reporting = Reporting(clock=clock, registry=Registry(), log=log)
        assert not await reporting.put(REPORT, TEXT)
        reporting.open(a_snapshot(tmp_path), 3, at_once=False)
        reporting.adopt(a_snapshot(tmp_path))
        assert not (tmp_path / FOLDER).exists()
        assert await reporting.put(REPORT, TEXT)
        assert len(House(tmp_path).reports()) == 1
        reporting.close()

    run(tmp_path, work)


def test_nothing_that_was_written_stands_in_clear_in_the_state_folder(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path), 0)
        await house.reporting.put(REPORT, TEXT)

    run(tmp_path, work)
    files = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert files
    assert not any(b"kanarie" in one.read_bytes() for one in files)


def test_a_text_is_unreadable_once_the_key_of_its_person_is_erased(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path), 0)
        await house.reporting.put(REPORT, TEXT)
        envelope = house.envelope()
        envelope.store.erase("ana")
        with pytest.raises(Erased):
            text_of(house.reports()[0], envelope)
        await house.reporting.put(REPORT, TEXT)  # the worker remembers nothing of the old key
        assert text_of(house.reports()[1], envelope) == TEXT

    run(tmp_path, work)


def test_a_text_is_kept_where_no_key_can_be(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        (tmp_path / "keys.db").mkdir()
        house.reporting.open(a_snapshot(tmp_path), 0)
        assert await house.reporting.put(REPORT, TEXT)
        assert text_of(house.reports()[0], house.envelope()) == TEXT

    run(tmp_path, work)


def test_a_report_without_a_text_has_no_evidence(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path), 0)
        assert await house.reporting.put(REPORT, "")
        assert house.reports() == [REPORT]

    run(tmp_path, work)


def test_nothing_is_kept_before_it_is_opened(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.reporting.adopt(a_snapshot(tmp_path, b"a" * 32))
        assert not await house.reporting.put(REPORT, TEXT)

    run(tmp_path, work)


def test_a_key_that_is_made_is_told_of_once(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path), 0)

    assert run(tmp_path, work).events == ["encryption_key_made"]
    assert run(tmp_path, work).events == []
    assert run(tmp_path / "another", opened_with_a_key).events == []


async def opened_with_a_key(house: House) -> None:
    house.reporting.open(a_snapshot(house.state, b"a" * 32), 0)


def test_without_a_key_requests_are_served_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no key")

    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path), 0)
        assert not await house.reporting.put(REPORT, TEXT)

    assert run(tmp_path, work).events == ["journal_without_key"]


def test_another_key_seals_from_the_next_configuration_on(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path, b"a" * 32), 0)
        await house.reporting.put(REPORT, TEXT)
        house.reporting.adopt(a_snapshot(tmp_path, b"b" * 32, b"a" * 32))
        await house.reporting.put(msgspec.structs.replace(REPORT, person="ben"), TEXT)
        found = house.reports(b"b" * 32, b"a" * 32)
        assert [one.person for one in found] == ["ana", "ben"]
        assert text_of(found[1], house.envelope(b"b" * 32)) == TEXT

    run(tmp_path, work)


def test_a_configuration_whose_key_cannot_be_had_leaves_the_old_one(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path, b"a" * 32), 0)
        (tmp_path / NAME).write_bytes(b"no key")
        house.reporting.adopt(a_snapshot(tmp_path))
        (tmp_path / NAME).unlink()
        assert await house.reporting.put(REPORT, TEXT)
        assert len(house.reports(b"a" * 32)) == 1

    assert run(tmp_path, work).events == ["journal_without_key"]


def test_what_becomes_of_the_disk_is_an_event(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "0").write_bytes(b"no folder")

    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path, b"a" * 32), 0)
        assert not await house.reporting.put(REPORT, TEXT)
        await asyncio.sleep(0)

    assert "journal_trouble" in run(tmp_path, work).events


def test_a_folder_in_memory_is_refused_unless_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tta_gateway.node.reporting.is_in_memory", lambda _: True)

    async def work(house: House) -> None:
        with pytest.raises(OSError, match="in_memory: allow"):
            house.reporting.open(a_snapshot(tmp_path, b"a" * 32), 0)
        house.reporting.open(a_snapshot(tmp_path, b"a" * 32, volatile=True), 0)
        assert await house.reporting.put(REPORT, TEXT)

    run(tmp_path, work)


def test_of_a_long_text_both_ends_are_kept() -> None:
    text = "a" * LONGEST + "middle" + "z" * LONGEST
    kept = shortened(text)
    assert len(kept) < LONGEST + 20
    assert (kept[:1], kept[-1:]) == (b"a", b"z")
    assert shortened("a" * LONGEST) == b"a" * LONGEST
    assert shortened("\ud800") == b"?"


@pytest.mark.parametrize("name", ["person", "id", "route", "correlation"])
def test_no_half_of_a_character_keeps_a_report_from_being_kept(tmp_path: Path, name: str) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path, b"a" * 32), 0)
        odd = msgspec.structs.replace(REPORT, **{name: "a\ud800"})
        assert await house.reporting.put(odd, TEXT)
        (found,) = house.reports(b"a" * 32)
        assert getattr(found, name) == "a?"
        assert text_of(found, house.envelope(b"a" * 32)) == TEXT

    assert run(tmp_path, work).events == []


def test_what_is_acknowledged_after_a_change_of_keys_is_read_without_the_old_one(
    tmp_path: Path,
) -> None:
    async def work(house: House) -> None:
        house.reporting.open(a_snapshot(tmp_path, b"a" * 32), 0)
        await house.reporting.put(REPORT, TEXT)
        house.reporting.adopt(a_snapshot(tmp_path, b"b" * 32, b"a" * 32))
        assert await house.reporting.put(msgspec.structs.replace(REPORT, id="r9"), TEXT)
        assert await house.reporting.put(msgspec.structs.replace(REPORT, id="r10"), TEXT)
        assert "r10" in [one.id for one in house.reports(b"b" * 32)]

    run(tmp_path, work)


def test_a_key_that_can_be_had_again_begins_to_keep_reports(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        (tmp_path / NAME).write_bytes(b"no key")
        house.reporting.open(a_snapshot(tmp_path), 0)
        assert not await house.reporting.put(REPORT, TEXT)
        (tmp_path / NAME).write_bytes(b"a" * 32)
        house.reporting.adopt(a_snapshot(tmp_path))
        assert await house.reporting.put(REPORT, TEXT)

    assert run(tmp_path, work).events == ["journal_without_key"]


def test_a_spoilt_key_beside_the_operator_s_own_is_told_of(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        (tmp_path / NAME).write_bytes(b"no key")
        house.reporting.open(a_snapshot(tmp_path, b"a" * 32), 0)
        assert await house.reporting.put(REPORT, TEXT)

    assert run(tmp_path, work).events == ["encryption_key_spoilt"]
