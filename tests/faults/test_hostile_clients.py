"""Clients that hold connections, flood, or exhaust: good ones are served all the same."""

import contextlib
import resource
import threading
import time
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, median, scripted, stage
from tests.helpers.clients import Client, Cut, head_of
from tests.helpers.raw_client import End
from tests.helpers.slow import cpu_seconds, descriptors, resident, wait_until

pytestmark = pytest.mark.e2e

MIB: Final = 1 << 20


def latency(client: Client, count: int) -> float:
    """The median of so many requests."""
    seconds = []
    for _ in range(count):
        begun = time.monotonic()
        assert client.get(b"/").status == 200
        seconds.append(time.monotonic() - begun)
    return median(seconds)


def test_two_hundred_slow_heads_hurt_no_good_client_and_are_ended(tmp_path: Path) -> None:
    """Red without `self._refuse(ClientFault(REQUEST_TIMEOUT))` in edge/client_connection.py,
    on_deadline."""
    timeouts = {"header": "1500ms"}
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, client_timeouts=timeouts) as one,
        contextlib.ExitStack() as clients,
    ):
        good = clients.enter_context(one.client())
        before, memory = latency(good, 100), resident(one.worker)
        slow = [clients.enter_context(one.client()) for _ in range(200)]
        stop = threading.Event()
        writer = threading.Thread(target=_trickle_to_all, args=(slow, stop))
        writer.start()
        meanwhile = latency(good, 100)
        rise = resident(one.worker) - memory
        until = time.monotonic() + 5.0
        ends = [client.end(max(0.01, until - time.monotonic())) for client in slow]
        stop.set()
        writer.join()
        assert latency(good, 20) < 1.0
    assert meanwhile < max(5 * before, 0.05)
    assert rise < 10 * MIB
    assert End.OPEN not in ends


def _trickle_to_all(slow: list[Client], stop: threading.Event) -> None:
    line = b"GET / HTTP/1.1\r\nHost: gateway.test\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    for at in range(len(line)):
        for client in slow:
            with contextlib.suppress(OSError):
                client.sock.send(line[at : at + 1])
        if stop.wait(0.1):
            return


def test_a_thousand_connections_that_come_and_go_leave_nothing_behind(edge: Stage) -> None:
    """Red without `self._sweeper.forget(self)` in edge/upstream_connection.py (memory), or without
    `entrance.leave(…)` in edge/client_connection.py, connection_lost (the address is full)."""
    with edge.client() as good:
        assert good.get(b"/").status == 200
        before, memory = edge.held(), resident(edge.worker)
        for number in range(1200):
            client = Client(edge.port)
            if number % 3 == 1:
                client.send(head_of(b"/")[:10])
            if number % 3 == 2:
                client.ask(b"/")
            if number % 2:
                client.close()
            else:
                client.reset()
        assert wait_until(lambda: descriptors(edge.worker) <= before + 2)
        assert good.get(b"/").status == 200
        with edge.client() as new:
            assert new.get(b"/").status == 200
        assert resident(edge.worker) - memory < 4 * MIB


def test_a_worker_without_descriptors_waits_without_spinning_and_recovers(tmp_path: Path) -> None:
    """Red if the loop's accept is left armed while it fails: it would turn a whole core."""
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        room = one.held() + 20
        with one.under_way() as end:
            resource.prlimit(one.worker, resource.RLIMIT_NOFILE, (room, 4096))
            with contextlib.ExitStack() as clients:
                for _ in range(100):
                    clients.enter_context(contextlib.closing(one.client()))
                end()
                spent, begun = cpu_seconds(one.worker), time.monotonic()
                time.sleep(1.0)
                share = (cpu_seconds(one.worker) - spent) / (time.monotonic() - begun)
        assert share < 0.5
        assert wait_until(lambda: _is_served(one))


def _is_served(one: Stage) -> bool:
    with contextlib.suppress(OSError, Cut), one.client() as client:
        return client.get(b"/").status == 200
    return False
