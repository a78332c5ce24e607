"""Slow clients by the hundred, as slowhttptest makes them: scenarios 1 to 4 of docs/faults.md.

Each is one gateway under its own attack, so that what it holds can be told.  Latencies are those of
a good client before and meanwhile; on a shared machine only a rough bar holds, and it is rough.
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.attack import attack
from tests.helpers.clients import Client
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import descriptors, resident, wait_until

pytestmark = pytest.mark.e2e

MIB: Final = 1 << 20
MANY: Final = 1000
LOG: Final = 0.5  # seconds until a line stands in the log
ROUGH: Final = 0.05  # seconds that another process may take the core for
PATIENCE: Final = {"path": "/slow/{rest:path}", "timeouts": {"body_idle": "2s"}}


def ninety_nine(client: Client, *, seconds: float) -> float:
    """How long a request takes, but for one in a hundred; asked all the while."""
    took, until = [], time.monotonic() + seconds
    while (begun := time.monotonic()) < until:
        assert client.get(b"/").status == 200
        took.append(time.monotonic() - begun)
        time.sleep(0.002)
    return sorted(took)[len(took) * 99 // 100]


def outcomes(one: Stage) -> Counter[tuple[object, object]]:
    """How many exchanges ended how, so far."""
    return Counter((line["status"], line["code"]) for line in one.all_lines())


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Stage]:
    """A gateway that takes them all from one address; timeouts are the defaults but for one."""
    connections = {"per_address": 5000}
    clients = {"write_stalled": "2s"}
    with (
        scripted() as upstream,
        stage(
            tmp_path, PATIENCE, upstream=upstream, connections=connections, client_timeouts=clients
        ) as one,
    ):
        yield one


def test_a_thousand_slow_heads_are_ended_in_ten_seconds_and_hurt_nobody(attacked: Stage) -> None:
    """Each is told 408, once.

    Red without `self._refuse(ClientFault(REQUEST_TIMEOUT))` in edge/client_connection.py,
    on_deadline.
    """
    with attacked.client() as good:
        before, memory = ninety_nine(good, seconds=2.0), resident(attacked.worker)
        held = attacked.held()
        slow = ("-i", "3", "-r", "1000")
        with attack("H", attacked.port, *slow, connections=MANY, seconds=15):
            assert wait_until(lambda: descriptors(attacked.worker) >= held + MANY)
            connected = time.monotonic()
            meanwhile = ninety_nine(good, seconds=4.0)
            assert resident(attacked.worker) - memory < 50 * MIB
            assert wait_until(lambda: descriptors(attacked.worker) <= held + 2, 12.0)
            assert time.monotonic() - connected < 10.0 + 1.0  # the sweeper's tick, and a noisy core
            time.sleep(LOG)
    assert outcomes(attacked)[408, "request_timeout"] == MANY
    assert meanwhile < max(2 * before, ROUGH)


def test_a_thousand_slow_bodies_are_told_408_and_free_the_service(attacked: Stage) -> None:
    """Four times as many as there are connections to the service, which all are free again.

    Red without `self.deadline = …` in edge/client_connection.py, _await_body.
    """
    with attacked.client() as good:
        assert good.get(b"/").status == 200
        held = attacked.held()
        slow = ("-i", "4", "-r", "1000", "-s", "8192", "-x", "10")
        with attack("B", attacked.port, *slow, target=b"/slow/a", connections=MANY, seconds=12):
            assert wait_until(lambda: attacked.upstream.connections >= 200)
            begun = time.monotonic()
            assert good.get(b"/").status == 200  # behind whoever came before it, and no longer
            assert time.monotonic() - begun < 4.0
            assert wait_until(lambda: outcomes(attacked)[408, "request_timeout"] == MANY, 8.0)
            assert wait_until(lambda: attacked.upstream.connections <= 2, 2.0)
            assert good.get(b"/").status == 200
        assert wait_until(lambda: descriptors(attacked.worker) <= held + 2)


def test_slow_readers_are_cut_off_and_free_the_service(attacked: Stage) -> None:
    """They take a few bytes a second of an answer larger than what the system holds for them.

    Red without `write_stalled` set in edge/client_connection.py, pause_writing.
    """

    def large(call: Call) -> None:
        call.answer(bytes(16 * MIB))

    target = attacked.on(large)
    readers = 60
    with attacked.client() as good:
        before, memory = ninety_nine(good, seconds=1.0), resident(attacked.worker)
        slow = ("-r", "500", "-n", "1", "-z", "32", "-w", "512", "-y", "1024")
        with attack("X", attacked.port, *slow, target=target, connections=readers, seconds=15):
            assert wait_until(lambda: attacked.upstream.calls(target) >= readers)
            meanwhile = ninety_nine(good, seconds=1.0)
            assert resident(attacked.worker) - memory < readers * 2 * MIB
            assert wait_until(lambda: attacked.upstream.connections <= 2, 10.0)
            assert good.get(b"/").status == 200
            time.sleep(LOG)
    cut = [line for line in attacked.all_lines() if line["path"] == target.decode()]
    assert {(line["status"], line["code"]) for line in cut} == {(499, "client_gone")}
    assert len(cut) == attacked.upstream.calls(target)
    assert meanwhile < max(2 * before, 4 * ROUGH)


def test_hundreds_of_ranges_are_not_asked_for(attacked: Stage) -> None:
    """What Apache's killer wants of a service is the same bytes, a thousand times over.

    Red without `value.count(b",") < _MOST_RANGES` in wire/request_head.py, take_range.
    """
    asked: list[tuple[bytes, list[bytes]]] = []

    def script(call: Call) -> None:
        asked.append((call.head.method, call.head.values(b"range")))
        call.answer(b"" if call.head.method == b"HEAD" else b"whole")

    target = attacked.on(script)
    with attack("R", attacked.port, "-r", "200", target=target, connections=100, seconds=5):
        assert wait_until(lambda: len(asked) >= 50)
    modest = [(b"Range", b"bytes=0-1,3-4")]
    absurd = [(b"Range", b"bytes=" + b",".join([b"0-"] * 17))]
    with attacked.client() as client:
        assert client.get(target, fields=modest).status == 200
        assert client.get(target, fields=absurd).body == b"whole"
    assert [ranges for _, ranges in asked if ranges] == [[b"bytes=0-1,3-4"]]
