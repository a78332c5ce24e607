"""The journals as the guard reads them: what a worker wrote is there, and told of once."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tests.helpers.incidents import a_report
from tta_gateway.node.guard_journals import Journals, hides_records
from tta_gateway.node.reporting import Reporting, report_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.journal.metrics import BEHIND_BYTES, BEHIND_SECONDS
from tta_gateway.support.journal.reader import Trouble
from tta_gateway.support.metrics import Registry


def snapshot(folder: Path, *keys: bytes) -> Snapshot:
    return Snapshot(
        version=1,
        state_dir=str(folder),
        listeners=(),
        services=(),
        routes=(),
        encryption_keys=keys,
        volatile_journal=True,
    )


class House:
    """A worker's end and the guard's, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.snapshot = snapshot(folder)
        self.events, self.counts = Events(), Registry()
        self.journals = Journals(cast("Any", self.events), self.counts, wall=FakeClock().wall)
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1

    async def write(self, id: str) -> None:
        made = Reporting(
            asyncio.get_running_loop(),
            clock=SystemClock(),
            registry=Registry(),
            log=cast("Any", self.events),
        )
        made.open(self.snapshot, 1)
        assert await made.put(a_report(id), "")
        made.close()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_was_written_wakes_and_is_read_until_it_is_marked(house: House) -> None:
    async def run() -> None:
        house.journals.adopt(house.snapshot)
        house.journals.listen(house.snapshot, house.ring)
        await house.write("r1")
        await asyncio.sleep(0.01)
        assert house.rung >= 1
        (record,) = house.journals.read({})
        assert report_of(record.payload).id == "r1"
        house.journals.count({})
        assert house.counts.child(BEHIND_BYTES).values()[0] > 0.0
        marks = {record.segment: record.end}
        assert house.journals.read(marks) == []
        house.journals.count(marks)
        assert house.counts.child(BEHIND_BYTES).values() == [0.0]
        assert house.counts.child(BEHIND_SECONDS).values() == [0.0]
        assert list(house.journals.forget(marks)) == [record.segment]
        house.journals.close()

    asyncio.run(run())


def test_without_a_key_nothing_is_read_and_that_is_told(house: House, tmp_path: Path) -> None:
    (tmp_path / "encryption.key").write_bytes(b"short")
    house.journals.adopt(house.snapshot)
    assert "journal_without_key" in [name for name, _ in house.events.told]
    assert house.journals.read({}) == []
    assert list(house.journals.forget({})) == []
    house.journals.count({})
    house.journals.close()


def test_with_another_key_what_was_written_is_told_to_be_unreadable(house: House) -> None:
    folder = Path(house.snapshot.state_dir)

    async def run() -> None:
        await house.write("r1")
        (folder / "encryption.key").unlink()
        house.journals.adopt(snapshot(folder, bytes(32)))
        assert house.journals.read({}) == []
        assert "journal_damage" in [name for name, _ in house.events.told]
        house.journals.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("trouble", "hides"),
    [
        (Trouble("torn", "0/1", 90, 5), False),
        (Trouble("damaged", "0/1", 90, 5), True),
        (Trouble("unreadable", "0/1", 0, 0), False),
        (Trouble("unreadable", "0/1", 81, 50), True),
        (Trouble("unreadable", "5", 0, 0), True),
    ],
)
def test_people_hear_of_places_that_may_hold_somebody_in_need(
    trouble: Trouble, hides: bool
) -> None:
    assert hides_records(trouble) is hides
