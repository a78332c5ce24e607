"""Processes that are killed, and files that are broken, under load: scenarios 34 to 37.

Every request has a body of its own, and is a POST, which may never be done twice: what was sent is
what was answered and what its client knows to be lost.
"""

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.edge.stage import Stage, stage
from tests.helpers.load import Tally, under_load
from tests.helpers.probe import all_serve_again, asked
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import children, is_alive, wait_until, workers_of
from tests.helpers.soak import often

pytestmark = pytest.mark.e2e

CLIENTS: Final = 8
SLOW: Final = 0.002
"""Seconds that the service takes: some requests are always under way."""


class Service:
    """Echoes, and keeps count of what it has done."""

    def __init__(self) -> None:
        self.done: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> None:
        body = call.body()
        with self._lock:
            self.done[body] += 1
        time.sleep(SLOW)
        call.answer(body)

    def check(self, tally: Tally) -> None:
        """Nothing was done twice, and whatever was said to be done was."""
        tally.check()
        assert set(self.done.values()) == {1}
        assert {body for body, status in tally.answered.items() if status == 200} <= set(self.done)
        assert set(self.done) <= set(tally.sent)


def test_a_worker_killed_under_load_loses_what_it_had_under_way_and_no_more(
    node: Stage, probe: int
) -> None:
    """Three times: at most one request a client, each known to be lost, none done twice.

    Red without `self.due = …` in node/slot.py, end.
    """
    service = Service()
    target = node.on(service)
    kills = 3
    with under_load(node.port, target, clients=CLIENTS) as load:
        for deaths in range(1, kills + 1):
            load.grow(200)
            victim = workers_of(node.gateway.process.pid)[0]
            os.kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            assert wait_until(lambda victim=victim: not is_alive(victim))  # type: ignore[misc]
            assert wait_until(lambda deaths=deaths: all_serve_again(probe, deaths=deaths))  # type: ignore[misc]
            assert time.monotonic() - killed < 5.0
        load.grow(200)
    service.check(load.tally)
    assert load.tally.statuses == {200}
    assert load.tally.refused == 0
    assert len(load.tally.lost) <= kills * CLIENTS
    assert asked(probe)[1]["deaths"] == kills


def test_a_supervisor_killed_under_load_leaves_its_address_to_the_next(
    node: Stage, probe: int, tmp_path: Path
) -> None:
    """Its workers end what is under way; nobody is left on the port but the successor.

    Red without `settle(…)` in node/worker_main.py, main.
    """
    service = Service()
    target = node.on(service)
    orphans = children(node.gateway.process.pid)
    (tmp_path / "next").mkdir()
    with under_load(node.port, target, clients=CLIENTS) as load:
        load.grow(200)
        node.gateway.process.kill()
        node.gateway.process.wait()
        assert wait_until(lambda: not any(is_alive(pid) for pid in orphans), 2.0)
        with stage(
            tmp_path / "next",
            upstream=node.upstream,
            listen=f"127.0.0.1:{node.port}",
            probe=f"127.0.0.1:{probe}",
            state_dir=str(tmp_path / "state"),
        ):
            load.grow(200)
            load.stop()
    service.check(load.tally)
    assert load.tally.statuses == {200}
    assert len(load.tally.lost) <= 2 * CLIENTS  # each at one worker, and once more at the other


def test_a_broken_file_under_load_costs_no_request(node: Stage, probe: int, tmp_path: Path) -> None:
    """Five reloads of broken files: the old configuration stays, and the errors are told.

    Red with an exit in place of the `return` behind `configuration_refused` in node/reload.py.
    """
    service = Service()
    target = node.on(service)
    file = tmp_path / "gateway.yaml"
    good = file.read_text()
    broken = [
        "routes: [",
        yaml.safe_dump(yaml.safe_load(good) | {"routes": []}),
        yaml.safe_dump(yaml.safe_load(good) | {"nonsense": True}),
        "",
        good.replace("auth: none", "auth: perhaps"),
    ]
    with under_load(node.port, target, clients=CLIENTS) as load:
        for number, text in enumerate(broken * often(1, soak=20)):
            load.grow(50)
            file.write_text(text)
            node.gateway.process.send_signal(signal.SIGHUP)
            refused = number + 1
            assert wait_until(lambda refused=refused: told(node) >= refused)  # type: ignore[misc]
        assert asked(probe)[1]["configuration"] == 1
        load.grow(50)
    service.check(load.tally)
    assert load.tally.statuses == {200}
    assert (load.tally.lost, load.tally.refused) == ([], 0)


def told(one: Stage) -> int:
    """How often a configuration has been refused."""
    return one.gateway.log.read_text().count('"configuration_refused"')


def test_a_gateway_asked_to_end_under_load_ends_in_time_and_loses_no_answer(node: Stage) -> None:
    """A request may find its connection closed before it is read; what was done was answered.

    Red without `worker.guests.drain()` in node/worker_main.py, _drain.
    """
    service = Service()
    target = node.on(service)
    with under_load(node.port, target, clients=CLIENTS) as load:
        load.grow(200)
        node.gateway.process.terminate()
        assert node.gateway.process.wait(5.0) == 0
        load.stop()
    service.check(load.tally)
    assert set(service.done) == set(load.tally.answered)
    assert len(load.tally.lost) <= CLIENTS
