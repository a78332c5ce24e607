"""SIGTERM: nothing new is taken, what is under way is finished, and then the command ends."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import PATIENCE, Cut, chunk, chunked_post, head_of, post_of
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call, Late
from tests.helpers.slow import connects, frozen, is_alive, wait_until

pytestmark = pytest.mark.e2e

TEXT = b"x" * 20_000


@contextmanager
def running(tmp_path: Path, **timeouts: str) -> Iterator[Stage]:
    """A gateway of this test's own."""
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, client_timeouts=timeouts) as one,
    ):
        yield one


def terminate(one: Stage) -> None:
    """Ask it to end, and leave it the moment to hear of it."""
    one.gateway.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)


def status_of(one: Stage) -> int:
    """The exit status."""
    return one.gateway.process.wait(PATIENCE)


def test_what_is_under_way_is_answered_and_then_the_command_ends_with_0(tmp_path: Path) -> None:
    late = Late()
    with running(tmp_path) as one, one.client() as client:
        target = one.on(late)
        client.ask(target)
        assert wait_until(lambda: one.upstream.calls(target) == 1)
        terminate(one)
        assert one.gateway.process.poll() is None
        late.release()
        answer = client.answer()
        assert (answer.body, answer.value(b"connection")) == (late.body, b"close")
        assert client.end() is End.CLOSED
        assert status_of(one) == 0


def test_an_answer_and_an_upload_that_are_under_way_go_on_to_their_ends(tmp_path: Path) -> None:
    go_on = threading.Event()

    def download(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        assert go_on.wait(PATIENCE)
        call.send(b"full")

    with (
        running(tmp_path, idle_linger="500ms") as one,
        one.client() as reader,
        one.client() as sender,
    ):
        reader.ask(one.on(download))
        assert reader.head().status == 200
        upload = one.on(lambda call: call.answer(call.body()))
        sender.send(chunked_post(upload) + chunk(b"one "))
        assert wait_until(lambda: one.upstream.calls(upload) == 1)
        terminate(one)
        sender.send(chunk(b"two") + chunk(b""))
        go_on.set()
        assert reader.read_exactly(8) == b"halffull"
        assert sender.answer().body == b"one two"
        assert status_of(one) == 0


def test_idle_connections_are_closed_in_order_when_they_have_lingered(tmp_path: Path) -> None:
    with running(tmp_path, idle_linger="1s") as one, ExitStack() as clients:
        idle = [clients.enter_context(one.client()) for _ in range(10)]
        assert [client.get(b"/").status for client in idle[:5]] == [200] * 5
        begun = time.monotonic()
        terminate(one)
        assert [client.read_to_end() for client in idle] == [b""] * 10
        lingered = time.monotonic() - begun
        for client in idle:
            client.close()
        assert status_of(one) == 0
        assert 0.5 < lingered < 4.0  # a busy loop's clock may stand a little; else it is five
        assert time.monotonic() - begun < 8.0


def test_an_idle_client_may_ask_once_more(tmp_path: Path) -> None:
    with running(tmp_path) as one, one.client() as client:
        assert client.get(b"/").value(b"connection") is None
        terminate(one)
        time.sleep(1.0)
        answer = client.get(b"/")
        assert (answer.body, answer.value(b"connection")) == (b"plain", b"close")
        assert client.end() is End.CLOSED
        assert status_of(one) == 0


def test_idle_clients_that_hold_on_delay_the_end_by_seconds_alone(tmp_path: Path) -> None:
    with running(tmp_path) as one, one.client() as client:
        assert client.get(b"/").status == 200
        begun = time.monotonic()
        terminate(one)
        assert status_of(one) == 0
        assert 5.0 < time.monotonic() - begun < 12.0


def test_who_has_knocked_is_answered_and_who_knocks_later_is_refused(tmp_path: Path) -> None:
    """The worker is stopped: what it finds afterwards has waited in the queue of the socket.

    Red without `_is_knocked_at` in node/last_call.py: the loop accepts one in a turn.
    """
    with running(tmp_path) as one, ExitStack() as clients:
        with frozen(one.worker):
            knocked = [clients.enter_context(one.client()) for _ in range(400)]
            for client in knocked:
                client.ask(b"/")
            terminate(one)
        answers = [client.answer() for client in knocked]
        assert {(one.body, one.value(b"connection")) for one in answers} == {(b"plain", b"close")}
        assert wait_until(lambda: not connects(one.port))
        assert status_of(one) == 0


def test_half_a_head_may_still_become_a_request(tmp_path: Path) -> None:
    with running(tmp_path) as one, one.client() as client:
        head = head_of(b"/")
        client.send(head[:20])
        time.sleep(0.1)
        terminate(one)
        client.send(head[20:])
        answer = client.answer()
        assert (answer.body, answer.value(b"connection")) == (b"plain", b"close")
        assert status_of(one) == 0


def test_new_connections_are_refused_at_once(tmp_path: Path) -> None:
    release = threading.Event()

    def script(call: Call) -> None:
        assert release.wait(PATIENCE)
        call.answer()

    with running(tmp_path) as one, one.client() as client:
        target = one.on(script)
        client.ask(target)
        assert wait_until(lambda: one.upstream.calls(target) == 1)
        terminate(one)
        assert wait_until(lambda: not connects(one.port))
        release.set()
        assert client.answer().status == 200
        assert status_of(one) == 0


def test_what_does_not_end_is_cut_off_when_the_grace_is_over_and_has_its_line(
    tmp_path: Path,
) -> None:
    def script(call: Call) -> None:
        call.gone()

    with running(tmp_path, drain="600ms") as one, one.client() as client:
        target = one.on(script)
        client.send(post_of(target, b"body"))
        assert wait_until(lambda: one.upstream.calls(target) == 1)
        begun = time.monotonic()
        terminate(one)
        assert client.end() is not End.OPEN
        assert status_of(one) == 0
        assert 0.4 < time.monotonic() - begun < 6.0
        assert len(one.lines(target)) == 1


def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    late = Late(b"all the same")
    with running(tmp_path) as one, one.client() as client:
        target = one.on(late)
        client.ask(target)
        assert wait_until(lambda: one.upstream.calls(target) == 1)
        terminate(one)
        terminate(one)
        late.release()
        assert client.answer().body == late.body
        assert status_of(one) == 0


def test_under_load_no_request_that_was_taken_is_lost(tmp_path: Path) -> None:
    """A client may find its connection closed before it asks; an answer that began is whole."""
    with running(tmp_path) as one:
        target = one.on(lambda call: call.answer(TEXT))
        clients = [Busy(one, target) for _ in range(8)]
        for client in clients:
            client.thread.start()
        for client in clients:
            assert client.begun.wait(PATIENCE)
        terminate(one)
        for client in clients:
            client.thread.join(PATIENCE)
        assert status_of(one) == 0
    assert [client.broken for client in clients] == [None] * 8


class Busy:
    """A client that asks on and on, until its connection is closed; `broken` if not in order."""

    def __init__(self, one: Stage, target: bytes) -> None:
        self.begun = threading.Event()
        self.broken: str | None = None
        self.thread = threading.Thread(target=self._ask_on, args=(one, target))

    def _ask_on(self, one: Stage, target: bytes) -> None:
        with one.client() as client:
            try:
                while client.get(target).body == TEXT:
                    self.begun.set()
                self.broken = "another body"
            except Cut as cut:
                self.broken = repr(cut) if cut.received else None
            except ConnectionError:
                return  # it was closed between two requests


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        worker = one.worker
        terminate(one)
        assert status_of(one) == 0
        assert not is_alive(worker)
