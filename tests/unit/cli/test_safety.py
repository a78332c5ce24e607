"""Incidents from the command line, which asks the guard itself."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.helpers.command_line import run
from tta_gateway.node import drill_call, guard_socket

INCIDENT = {
    "id": "i1",
    "drill": False,
    "level": 3,
    "level_name": "imminent",
    "state": "open",
    "began_at": "2023-11-14T22:13:20.000Z",
    "reports": 2,
    "carer": None,
}
LINE = "i1  level 3 (imminent)  open  since 2023-11-14T22:13:20.000Z  2 reports"


class Guard:
    """A guard at its socket, which says what a test says and keeps what it was asked."""

    def __init__(self, state: Path) -> None:
        self.says: dict[str, Any] = {}
        self.first: list[dict[str, Any]] = []
        """what it says before that, one after the other"""
        self.asked: list[dict[str, Any]] = []
        self._state = state
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()

    def answer(self, line: bytes) -> bytes:
        self.asked.append(json.loads(line))
        return json.dumps(self.first.pop(0) if self.first else self.says).encode()

    def _run(self) -> None:
        server = self._loop.run_until_complete(guard_socket.serve(self._state, self.answer))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        self._loop.run_until_complete(asyncio.wait(tasks) if tasks else asyncio.sleep(0))
        self._loop.close()

    def __enter__(self) -> "Guard":
        self._thread.start()
        assert self._ready.wait(5.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    with Guard(tmp_path) as made:
        yield made


def said(tmp_path: Path, *words: str) -> str:
    return run("safety", words[0], "--state-dir", str(tmp_path), *words[1:]).output


def test_incidents_are_listed(guard: Guard, tmp_path: Path) -> None:
    drill = {**INCIDENT, "drill": True, "carer": "ward 3"}
    guard.says = {"incidents": [INCIDENT, drill]}
    first, second = said(tmp_path, "incidents").splitlines()
    assert first == LINE
    assert "open  drill  since" in second
    assert second.endswith("with ward 3")
    guard.says = {"incidents": []}
    assert said(tmp_path, "incidents", "--all") == "there is no incident\n"
    assert [one["all"] for one in guard.asked] == [False, True]


def test_one_is_shown_with_what_has_come_of_it(guard: Guard, tmp_path: Path) -> None:
    guard.says = {
        "incident": INCIDENT,
        "reports": [
            {"at": "t1", "level": 3, "source": "message", "delivered": True},
            {"at": "t2", "level": 2, "source": "request", "delivered": False},
        ],
        "notices": [{"confirmed_at": "t3", "contact": "pager", "number": 1}],
        "owed": [{"contact": "ward", "number": 1, "tries": 4}],
        "acts": [{"at": "t4", "does": "hand_over", "by": "ben", "to": "ward 3", "text": None}],
    }
    assert said(tmp_path, "show", "i1").splitlines() == [
        LINE,
        "  report   t1  level 3  message  delivered",
        "  report   t2  level 2  request  not delivered",
        "  told     t3  pager  call 1",
        "  not yet  ward  call 1  tried 4 times",
        "  done     t4  hand_over by ben  ward 3",
    ]


def test_somebody_acknowledges_and_says_that_it_is_over(guard: Guard, tmp_path: Path) -> None:
    guard.says = {"incident": INCIDENT}
    assert said(tmp_path, "ack", "i1", "--by", "ben") == f"{LINE}\n"
    said(tmp_path, "resolve", "i1", "--note", "is safe")
    done = [(one["does"], one["text"]) for one in guard.asked]
    assert done == [("acknowledge", ""), ("resolve", "is safe")]
    assert guard.asked[0]["by"] == "ben"
    assert guard.asked[1]["by"].endswith("at the command line")


def test_what_the_guard_refuses_is_said_and_where_there_is_none_too(
    guard: Guard, tmp_path: Path
) -> None:
    guard.says = {"error": {"status": 404, "detail": "There is no such incident."}}
    answer = run("safety", "ack", "--state-dir", str(tmp_path), "none")
    assert (answer.exit_code, answer.stderr) == (1, "There is no such incident.\n")
    answer = run("safety", "incidents", "--state-dir", str(tmp_path / "nowhere"))
    assert answer.exit_code == 1
    assert "no guard answers" in answer.stderr


STEPS = [
    {"step": "detector", "said": "level 3 found", "ms": 0.2},
    {"step": "journal", "said": "durable", "ms": 0.9},
]
SHOWN: dict[str, Any] = {"incident": INCIDENT, "notices": [{"contact": "pager"}], "owed": []}
NONE = {"error": {"status": 404, "detail": "There is no such incident."}}


Drills = list[dict[str, Any]]
"""What a worker is asked, and at the end of it what it says; nothing, if there is none."""


@pytest.fixture
def drills(monkeypatch: pytest.MonkeyPatch) -> Drills:
    asked: Drills = [{"steps": STEPS, "incident": "i1"}]

    async def drilled(_: Path, question: dict[str, Any]) -> dict[str, Any]:
        asked.insert(0, question)
        if not asked[-1]:
            raise OSError("no worker takes drills")
        return asked[-1]

    monkeypatch.setattr(drill_call, "drilled", drilled)
    return asked


def drill(folder: Path, *options: str) -> Result:
    return run("safety", "drill", "--state-dir", str(folder), *options)


def test_a_drill_shows_each_step_and_is_resolved(
    guard: Guard, drills: Drills, tmp_path: Path
) -> None:
    guard.says, guard.first = SHOWN, [NONE]
    answer = drill(tmp_path, "--by", "ben", "--level", "2")
    assert answer.exit_code == 0, answer.stderr
    steps = [line.split()[0] for line in answer.stdout.splitlines()]
    assert steps == ["detector", "journal", "guard", "pager", "i1"]
    assert (drills[0]["by"], drills[0]["level"]) == ("ben", 2)
    assert guard.asked[-1]["does"] == "resolve"


@pytest.mark.usefixtures("drills")
def test_a_drill_may_be_left_open(guard: Guard, tmp_path: Path) -> None:
    guard.says = SHOWN
    assert drill(tmp_path, "--keep").exit_code == 0
    assert [one["do"] for one in guard.asked] == ["show"]


TAKEN: dict[str, Any] = {"steps": STEPS, "incident": "i1"}
LOST: dict[str, Any] = {"steps": [], "failed": {"step": "detector", "why": "it finds level 0"}}
OWED: dict[str, Any] = {**SHOWN, "owed": [{"contact": "ward", "tries": 2}]}


@pytest.mark.parametrize(
    ("worker", "shown", "words"),
    [
        ({}, SHOWN, "the drill ends at the worker: no worker takes drills"),
        (LOST, SHOWN, "the drill ends at the detector: it finds level 0"),
        (TAKEN, NONE, "the drill ends at the guard: it has not opened"),
        (TAKEN, {**SHOWN, "notices": []}, "nobody was reached: see `escalation`"),
        (TAKEN, OWED, "ward                 not reached, tried 2 times"),
    ],
)
def test_a_drill_that_fails_names_the_step_and_ends_with_1(
    guard: Guard,
    drills: Drills,
    tmp_path: Path,
    worker: dict[str, Any],
    shown: dict[str, Any],
    words: str,
) -> None:
    drills[-1], guard.says = worker, shown
    answer = drill(tmp_path, "--wait", "0.1")
    assert answer.exit_code == 1
    assert words in answer.stderr


@pytest.mark.usefixtures("drills")
def test_a_drill_says_where_no_guard_answers_for_as_long_as_it_waits(tmp_path: Path) -> None:
    answer = drill(tmp_path, "--wait", "0.1")
    assert answer.exit_code == 1
    assert "the drill ends at the guard: it does not answer" in answer.stderr
