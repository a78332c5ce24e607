"""A gateway for people at risk, whose processes are killed by chance while they write."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from tests.e2e.edge.stage import scripted
from tests.helpers.alert_receiver import Receiver
from tests.helpers.crisis_writers import Said, by_hub, by_rest, until_answered
from tests.helpers.escalated import Escalated, escalated
from tests.helpers.gateway import free_port
from tests.helpers.hub_stage import CHANNELS, issuer
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import companion_of, running, wait_until, workers_of

VICTIMS: Final = ("worker", "worker", "control", "valkey", "valkey", "guard")
LONG: Final = 0.5
"""Seconds in which people write and processes are killed."""
NEAR: Final = 0.04
"""Seconds behind an instant in which one is killed: half of these are when somebody begins."""
_RUNGS: Final = {"rungs": [{"call": ["pager", "ward"], "within": "1s"}], "again": "1s"}
_SLACK: Final = 1.0
"""Seconds by which a call may be read later than the death of who has sent it."""


@dataclass(slots=True)
class CrisisNode:
    """The gateway, two tools of people, and what has happened so far."""

    one: Escalated
    pager: Receiver
    """confirms whatever comes"""
    ward: Receiver
    """fails, or takes its time, by chance"""
    path: str
    said: list[Said] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    guard_died: list[float] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    """by person: how many calls there had been"""

    def round(self, seed: int) -> list[Said]:
        """Kill processes while people write; return what came of what they wrote."""
        chance = random.Random(seed)
        begins = [chance.random() * LONG for _ in range(4)]
        instants = [*begins, *(chance.random() * LONG for _ in begins)]
        victims = [
            (chance.choice(instants) + chance.random() * NEAR, name, chance.random())
            for name in chance.choices(VICTIMS, k=chance.randint(1, 3))
        ]
        ways = [
            (by_rest, self.path),
            (by_rest, "/gone"),
            (by_hub, f"session:{seed}"),
            (by_hub, f"plain:{seed}"),
        ]
        port = self.one.gateway.port
        killer = threading.Thread(target=self._kill, args=(sorted(victims),))
        killer.start()
        with ThreadPoolExecutor(len(ways)) as pool:
            tasks = []
            for number, ((way, path), begin) in enumerate(zip(ways, begins, strict=True)):
                said = (way, port, f"{seed}-{number}", path)
                tasks.append(pool.submit(_later, begin, until_answered, *said))
            found = [one for task in tasks for one in task.result()]
        killer.join()
        self.said += found
        return found

    def _kill(self, victims: list[tuple[float, str, float]]) -> None:
        began = time.monotonic()
        for at, name, which in victims:
            time.sleep(max(0.0, began + at - time.monotonic()))
            found = self._pids(name)
            if not found:
                continue  # it has died just before, and the next is not there yet
            if name == "guard":
                self.guard_died.append(time.monotonic())
            with contextlib.suppress(ProcessLookupError):
                os.kill(found[int(which * len(found))], signal.SIGKILL)
                self.kills[name] += 1

    def _pids(self, name: str) -> list[int]:
        supervisor = self.one.gateway.process.pid
        if name == "worker":
            return workers_of(supervisor)
        if name == "valkey":
            return running(supervisor, "valkey")
        pid = companion_of(supervisor, name)
        return [] if pid is None else [pid]

    def is_whole(self) -> bool:
        """Tell whether every process has a successor."""
        counts = {"worker": 2, "valkey": 2, "control": 1, "guard": 1}
        return all(len(self._pids(name)) == count for name, count in counts.items())

    def open(self) -> dict[str, dict[str, Any]]:
        """Return what is to be answered, by person, without what names the issuer."""
        found = self.one.ask(do="list")["incidents"]
        alarming = [one for one in found if one["next_call_at"] is not None]
        return {one["person"].rpartition("/")[2]: one for one in alarming}

    def answer(self, incident: dict[str, Any]) -> None:
        """Acknowledge and resolve, as often as it takes: the guard may be killed over it."""
        id, person = incident["id"], incident["person"]
        asked = {"do": "act", "id": f"ack-{id}", "incident": id, "by": "ben"}
        told = self.one.ask(**asked, does="acknowledge")["incident"]
        self.acknowledged[person.rpartition("/")[2]] = told["calls"]
        self.one.ask(**{**asked, "id": f"end-{id}"}, does="resolve")

    def numbers(self, receiver: Receiver) -> dict[str, list[int]]:
        """Return the numbers of the notices that have come, by person."""
        found: dict[str, list[int]] = {}
        for call in list(receiver.calls):
            told = call.json
            name = told["incident"]["person"].rpartition("/")[2]
            found.setdefault(name, []).append(told["number"])
        return found

    def unexplained(self) -> list[str]:
        """Return ids of notices that the pager has got twice, and no guard had died between."""
        times: dict[str, list[float]] = {}
        for call in list(self.pager.calls):
            times.setdefault(call.json["id"], []).append(call.at)
        return [
            f"{id}: {came}"
            for id, came in times.items()
            for a, b in pairwise(came)
            if not any(a - _SLACK <= died <= b for died in self.guard_died)
        ]

    def figures(self) -> str:
        """Say what has happened."""
        fates = Counter(one.fate for one in self.said)
        came = Counter(call.json["id"] for call in self.pager.calls)
        more = sum(count - 1 for count in came.values())
        kills = ", ".join(f"{count} {name}" for name, count in sorted(self.kills.items()))
        return (
            f"killed: {kills}; messages: {dict(fates)}; incidents: {len(self.acknowledged)}; "
            f"notices: {len(came)}, of which came once more: {more}; ward: {len(self.ward.calls)}"
        )


def _later(wait: float, work: Any, *args: object) -> list[Said]:  # noqa: ANN401
    time.sleep(wait)
    done: list[Said] = work(*args)
    return done


def _answers(call: Call) -> None:
    call.body()
    call.answer(b'{"reply":"I am here."}', fields=[(b"Content-Type", b"application/json")])


def _whim(chance: random.Random) -> int | None:
    drawn = chance.random()
    if drawn < 0.2:
        time.sleep(0.3)
    return 503 if 0.2 <= drawn < 0.5 else None


@contextlib.contextmanager
def crisis_node(folder: Path) -> Iterator[CrisisNode]:
    """Start one with two workers, both stores and a hub."""
    with Receiver() as pager, Receiver() as ward, scripted() as upstream:
        chance = random.Random(1)
        ward.before = lambda: _whim(chance)
        path = upstream.on(_answers, under=b"/said/").decode()
        contacts = {
            "pager": {"webhook": {"url": pager.url, "unsigned": "a test"}},
            "ward": {"webhook": {"url": ward.url, "unsigned": "a test"}},
        }
        closed = f"http://127.0.0.1:{free_port()}"
        settings: dict[str, object] = {
            "listen": f"127.0.0.1:{free_port()}",
            "workers": 2,
            "access_log": {"path": str(folder / "access.log")},
            "identity": {"issuers": [issuer(folder)]},
            "realtime": {"channels": CHANNELS},
            "services": {"up": {"endpoints": [upstream.url]}, "gone": {"endpoints": [closed]}},
            "routes": [
                {"path": "/gone", "service": "gone", "auth": "required", "retries": 0},
                {"path": "/said/{rest:path}", "service": "up", "auth": "required"},
            ],
        }
        levels = {"high": _RUNGS, "imminent": _RUNGS}
        with escalated(folder, {"contacts": contacts, "levels": levels}, **settings) as one:
            made = CrisisNode(one, pager, ward, path)
            assert wait_until(made.is_whole)
            yield made
