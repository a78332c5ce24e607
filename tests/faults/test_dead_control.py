"""Control that is killed, stopped, or nowhere: its endpoints say so, and nothing else feels it."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import Answer, Client, post_of
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.slow import companion_of, frozen, wait_until
from tests.helpers.soak import TIMES

pytestmark = pytest.mark.e2e

DESCRIPTION: Final = b"/api/v1/openapi.json"
CLIENTS: Final = 6
LONGEST: Final = 10.0
"""Seconds that a request to control may wait."""


@pytest.fixture
def probe() -> int:
    """The port of the probe."""
    return free_port()


@pytest.fixture
def one(tmp_path: Path, probe: int) -> Iterator[Stage]:
    """A gateway with control, and a route to it that takes every method."""
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            {"path": "/own/{rest:path}", "service": "gateway", "timeouts": {"first_byte": "2s"}},
            upstream=upstream,
            admin=f"127.0.0.1:{free_port()}",
            probe=f"127.0.0.1:{probe}",
        ) as running,
    ):
        assert wait_until(lambda: serves(probe))
        yield running


def serves(probe: int) -> bool:
    """Whether control serves."""
    return asked(probe)[1].get("control") == "serving"


def control_of(one: Stage) -> int:
    """The process of control."""
    pid = companion_of(one.gateway.process.pid, "control")
    assert pid
    return pid


def kill(one: Stage, probe: int) -> None:
    """Kill control, and wait for the next."""
    pid = control_of(one)
    os.kill(pid, signal.SIGKILL)
    found = (None, pid)
    assert wait_until(lambda: companion_of(one.gateway.process.pid, "control") not in found)
    assert wait_until(lambda: serves(probe))


def is_away(answer: Answer) -> bool:
    """Whether an answer says that control is not there, and when to come again."""
    told = json.loads(answer.body)
    return (
        (answer.status, told["code"]) == (503, "gateway_service_unavailable")
        and answer.value(b"retry-after") == b"2"
        and answer.value(b"content-type") == b"application/problem+json"
    )


class Crowd:
    """Clients that ask for one target on and on, each on a connection of its own."""

    def __init__(self, port: int, target: bytes) -> None:
        self.seen: Counter[int] = Counter()
        self.bad: list[object] = []
        self._port, self._target = port, target
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(CLIENTS)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * LONGEST)
            assert not thread.is_alive()

    def _ask_on(self) -> None:
        with Client(self._port) as client:
            client.sock.settimeout(2 * LONGEST)
            while not self._stop.is_set():
                try:
                    answer = client.get(self._target)
                except Exception as error:  # noqa: BLE001 - whatever it is, it should not be
                    self.bad.append(error)
                    return
                with self._lock:
                    self.seen[answer.status] += 1
                    if answer.status != 200 and not is_away(answer):
                        self.bad.append(answer)


def test_whoever_asks_while_control_is_killed_is_answered_or_told_when_to_come_again(
    one: Stage, probe: int
) -> None:
    """Red without `own.told` in upstream/attempt.py where a retry is over, and never a cut."""
    with Crowd(one.port, DESCRIPTION) as own, Crowd(one.port, b"/other") as other:
        for _ in range(3 * TIMES):
            before = own.seen[200]
            kill(one, probe)
            assert wait_until(lambda before=before: own.seen[200] > before + CLIENTS)  # type: ignore[misc]
    assert own.bad == other.bad == []
    assert set(other.seen) == {200}
    assert own.seen[200] > 3 * CLIENTS


def test_control_that_hangs_is_waited_for_so_long_and_holds_up_nobody_else(one: Stage) -> None:
    """Red without `own.told` in upstream/attempt.py, Attempt._fail: 504."""
    with frozen(control_of(one)), one.client() as own, one.client() as other:
        own.sock.settimeout(2 * LONGEST)
        begun = time.monotonic()
        own.ask(DESCRIPTION)
        for _ in range(50):
            assert other.get(b"/other").status == 200
        assert is_away(own.answer())
        assert LONGEST - 1.0 < time.monotonic() - begun < LONGEST + 2.0
    with one.client() as client:
        assert client.get(DESCRIPTION).status == 200


def test_what_may_have_been_done_is_never_told_to_be_sent_again(one: Stage) -> None:
    """Red without `may_repeat` in upstream/own.py."""
    with frozen(control_of(one)), one.client() as client:
        client.send(post_of(b"/own/x", b"hello"))
        answer = client.answer()
        told = json.loads(answer.body)
        assert (answer.status, told["code"]) == (504, "upstream_first_byte_timeout")
        assert answer.values(b"retry-after") == []


def test_a_socket_that_is_gone_is_told_at_once(one: Stage, tmp_path: Path) -> None:
    """Red without `own.told` in upstream/attempt.py, Attempt._fail: 502."""
    (tmp_path / "state" / "control.sock").unlink()
    os.kill(control_of(one), signal.SIGKILL)  # so that no open connection leads to it
    with one.client() as client:
        begun = time.monotonic()
        assert is_away(client.get(DESCRIPTION))
        client.send(post_of(b"/own/x", b"hello"))
        assert is_away(client.answer())
        assert time.monotonic() - begun < 2.0
        assert client.get(b"/other").status == 200


def test_a_crowd_that_comes_while_control_stands_still_is_served_by_and_by(one: Stage) -> None:
    """Four hundred: more than connections, so that some wait in the worker and all else at control.

    Red with a `backlog` of 64 in node/control_main.py, _server.
    """
    with frozen(control_of(one)):
        clients = [one.client() for _ in range(400)]
        for client in clients:
            client.ask(DESCRIPTION)
        with one.client() as other:
            assert other.get(b"/other").status == 200
    statuses = Counter(client.answer().status for client in clients)
    for client in clients:
        client.close()
    assert statuses == {200: 400}
