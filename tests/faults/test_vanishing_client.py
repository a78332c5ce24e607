"""A client that goes away frees what was done for it within a tenth of a second."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage, times
from tests.helpers.clients import PATIENCE, Client, chunk, chunked_post
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import fill, wait_until

pytestmark = pytest.mark.e2e

SOON: Final = 0.1
LOGGED: Final = 0.25  # seconds until a line is in the file: the sweeper's tick
Leave = Callable[[Client], None]


def close(client: Client) -> None:
    """Leave in order."""
    client.close()


def reset(client: Client) -> None:
    """Leave with a reset, as when a phone changes its network."""
    client.reset()


def freed_within(one: Stage, leave: Leave, ask: Callable[[Client, bytes], None]) -> float:
    """How long the service is kept after the client has left."""
    reached, gone = threading.Event(), list[float]()

    def script(call: Call) -> None:
        reached.set()
        gone.append(call.gone())

    target = one.on(script)
    with one.client() as client:
        ask(client, target)
        assert reached.wait(PATIENCE)
        time.sleep(0.05)
        left = time.monotonic()
        leave(client)
        assert wait_until(lambda: bool(gone))
    return gone[0] - left


@pytest.mark.parametrize("leave", [close, reset])
def test_while_it_waits_for_its_answer(edge: Stage, leave: Leave) -> None:
    """Red without `exchange.attempt.cancel()` in edge/client_connection.py, connection_lost."""

    def ask(client: Client, target: bytes) -> None:
        client.ask(target)

    assert times(5, lambda: freed_within(edge, leave, ask)) < SOON


@pytest.mark.parametrize("leave", [close, reset])
def test_in_the_middle_of_its_upload(edge: Stage, leave: Leave) -> None:
    """Red without `exchange.attempt.cancel()` in edge/client_connection.py, connection_lost."""

    def ask(client: Client, target: bytes) -> None:
        client.send(chunked_post(target) + chunk(b"the first part"))

    assert times(5, lambda: freed_within(edge, leave, ask)) < SOON


def test_while_its_upload_is_held_back(edge: Stage) -> None:
    """Nobody reads its socket then.  Red without `hangups.watch` in edge/client_connection.py.

    An orderly end stands behind what the client's own system still has to send: nobody can see it.
    """
    release = threading.Event()

    def hold(call: Call) -> None:
        assert release.wait(PATIENCE)
        call.gone()

    def measure() -> float:
        release.clear()
        target = edge.on(hold)
        with edge.client() as client:
            client.send(chunked_post(target))
            fill(client.sock, most=1 << 26, piece=chunk(b"x" * 0xFFFF))
            left = time.monotonic()
            client.reset()
            assert wait_until(lambda: bool(edge.lines(target)))
            told = time.monotonic() - left
        (line,) = edge.lines(target)
        assert (line["status"], line["code"]) == (499, "client_gone")
        release.set()
        return told

    assert times(3, measure) < SOON + LOGGED


@pytest.mark.parametrize("leave", [close, reset])
def test_in_the_middle_of_its_answer(edge: Stage, leave: Leave) -> None:
    """Red without `self._connection.close()` in upstream/attempt.py, cancel."""

    def measure() -> float:
        gone: list[float] = []

        def script(call: Call) -> None:
            call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")
            gone.append(call.gone())

        target = edge.on(script)
        with edge.client() as client:
            client.ask(target)
            assert client.head().status == 200
            client.read_exactly(4)
            left = time.monotonic()
            leave(client)
            assert wait_until(lambda: bool(gone))
        return gone[0] - left

    assert times(5, measure) < SOON


def test_while_it_waits_for_a_connection(tmp_path: Path) -> None:
    """Its place in the queue goes, whoever stands behind it moves up, and nothing is sent.

    Red without `self.pool.waiting.remove(self)` in upstream/attempt.py, cancel.
    """
    release = threading.Event()

    def hold(call: Call) -> None:
        assert release.wait(PATIENCE)
        call.answer()

    with scripted() as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        services = {"up": {"endpoints": [url], "limits": {"connections": 1}}}
        with (
            stage(tmp_path, upstream=upstream, services=services) as one,
            one.client() as first,
            one.client() as second,
            one.client() as third,
        ):
            held = one.on(hold)
            first.ask(held)
            assert wait_until(lambda: upstream.calls(held) == 1)
            target, last = one.on(lambda call: call.answer()), one.on(lambda call: call.answer())
            second.ask(target)
            time.sleep(0.1)
            third.ask(last)
            second.close()
            time.sleep(0.1)
            release.set()
            assert first.answer().status == 200
            assert third.answer().status == 200
            (line,) = one.lines(target)
        assert (line["status"], line["code"]) == (499, "client_gone")
        assert upstream.calls(target) == 0


def test_its_place_is_given_to_the_next_while_it_is_still_being_connected(tmp_path: Path) -> None:
    """A connection that comes about when nobody wants it any more serves the next.

    Red without `give_back(…)` in upstream/attempt.py, connected.
    """
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        for _ in range(100):
            client = one.client()
            client.ask(b"/")
            client.reset()
        with one.client() as good:
            assert [good.get(b"/").status for _ in range(20)] == [200] * 20
        assert wait_until(lambda: upstream.connections <= 20)
