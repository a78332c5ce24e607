"""Drills in a worker: heard, kept, and told of step by step."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from tests.helpers.heard_people import BLACK, DARK, GREY, People
from tests.helpers.house import Events
from tta_gateway.features.escalation.algorithm import incident_id
from tta_gateway.features.escalation.drill import SAID
from tta_gateway.features.safety.metrics import HEARD
from tta_gateway.node import drilling
from tta_gateway.node.drilling import FOLDER, Drilling, drilled

ASKED = {"id": "7", "by": "ben", "level": 3}
WORDS = {1: GREY, 2: DARK, 3: BLACK}


class Worker:
    """A worker that takes drills, whose detector knows the words of these tests."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drilling, "SAID", WORDS)
        self.folder = folder
        self.people = People()
        self.events = Events()
        self.drilling = self.made()

    def made(self) -> Drilling:
        """One more."""
        people = self.people
        log = cast("Any", self.events)
        return Drilling(people.listener, people, clock=people.clock, log=log)

    def drills(self, **asked: object) -> dict[str, Any]:
        """Have it take one."""

        async def run() -> dict[str, Any]:
            await self.drilling.open(self.folder, 3)
            try:
                return await drilled(self.folder, {**ASKED, **asked})
            finally:
                self.drilling.close()

        return asyncio.run(run())


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(tmp_path, monkeypatch)


@pytest.mark.parametrize("level", SAID)
def test_a_drill_is_heard_by_the_detector_and_kept_in_the_journal(
    worker: Worker, level: int
) -> None:
    told = worker.drills(level=level)
    assert [one["step"] for one in told["steps"]] == ["detector", "journal"]
    ((report, text),) = worker.people.kept
    assert (report.source, report.level, report.rules) == ("drill", level, (WORDS[level],))
    assert text == f"[DRILL] {WORDS[level]}"
    assert told["incident"] == incident_id(report)
    assert worker.people.words.looked_at == [WORDS[level]]


def test_nobody_else_hears_of_it_and_it_does_not_count(worker: Worker) -> None:
    moderated: list[str] = []
    worker.people.listener.moderate = lambda _found, text, _then: moderated.append(text)
    worker.drills()
    assert (worker.people.told, moderated) == ([], [])
    counts = [worker.people.registry.child(HEARD, str(level)).values() for level in range(4)]
    assert counts == [[0.0]] * 4


def test_the_same_drill_is_one_incident_whoever_takes_it(worker: Worker) -> None:
    assert worker.drills()["incident"] == worker.drills()["incident"]
    assert {report.id for report, _ in worker.people.kept} == {"drill-7"}


def test_a_detector_that_finds_too_little_fails_it_before_anybody_is_called(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drilling, "SAID", {3: DARK})
    failed = worker.drills()["failed"]
    assert failed == {"step": "detector", "why": "it finds level 2 in a message of level 3"}
    assert worker.people.kept == []


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_journal_that_takes_nothing_fails_it(worker: Worker, is_broken: bool) -> None:
    worker.people.keeps, worker.people.breaks = False, is_broken
    told = worker.drills()
    assert told["failed"]["step"] == "journal"
    assert [one["step"] for one in told["steps"]] == ["detector"]


def test_what_is_no_drill_is_refused(worker: Worker) -> None:
    assert worker.drills(level=9)["failed"]["step"] == "worker"
    assert worker.drills(level="x")["failed"]["step"] == "worker"


def test_a_worker_that_has_died_is_passed_over(worker: Worker) -> None:
    async def run() -> dict[str, Any]:
        dead = worker.made()
        await dead.open(worker.folder, 1)
        assert dead._server is not None
        dead._server.close()  # its socket stays
        await worker.drilling.open(worker.folder, 2)
        try:
            return await drilled(worker.folder, ASKED)
        finally:
            worker.drilling.close()

    assert "incident" in asyncio.run(run())
    assert [one.name for one in (worker.folder / FOLDER).iterdir()] in ([], ["1"])


def test_where_none_takes_drills_that_is_said(worker: Worker) -> None:
    with pytest.raises(OSError, match="no worker takes drills"):
        asyncio.run(drilled(worker.folder, ASKED))
    (worker.folder / FOLDER).write_text("no folder")
    with pytest.raises(OSError, match="no worker takes drills"):
        worker.drills()
    assert [name for name, _ in worker.events.told] == ["drills_not_taken"]
