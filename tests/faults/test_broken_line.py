"""A bad line to a service: whatever it does, a client gets a whole answer or sees that it has not.

Scenarios 12 to 16 and 19 of docs/faults.md.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import NO_RECORDS, Stage, scripted, stage
from tests.helpers.clients import Answer, Cut, chunk, chunked_post
from tests.helpers.fault_proxy import FaultProxy, Line
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call, Script
from tests.helpers.slow import black_hole, descriptors, wait_until
from tests.helpers.soak import TIMES

pytestmark = pytest.mark.e2e

BODY: Final = b"0123456789" * 3
LENGTH: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n" + BODY
CHUNKED: Final = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"a\r\n0123456789\r\n14\r\n01234567890123456789\r\n0\r\n\r\n"
)
UNTIL_CLOSE: Final = b"HTTP/1.1 200 OK\r\n\r\n" + BODY
AT_ONCE: Final = 40
STEP: Final = 3 if TIMES == 1 else 1


@dataclass(frozen=True, slots=True)
class Bad:
    """A gateway whose line to its service is bad."""

    stage: Stage
    proxy: FaultProxy


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bad]:
    """Routes with little patience, so that silence is short."""
    patience = {"timeouts": {"first_byte": "500ms", "total": "800ms"}}
    with scripted() as upstream, FaultProxy(upstream.port) as proxy:
        services = {"up": {"endpoints": [f"http://127.0.0.1:{proxy.port}"]}}
        path = tmp_path_factory.mktemp("line")
        special = {"path": "/hasty/{rest:path}", **patience}
        with stage(path, special, upstream=upstream, services=services) as one:
            yield Bad(one, proxy)


def saying(whole: bytes) -> Script:
    """A script that says this, and hangs up."""

    def script(call: Call) -> None:
        call.body()
        call.send(whole)
        call.finish()

    return script


def outcome(one: Stage, target: bytes) -> Answer | Cut:
    """What becomes of a request on a connection of its own."""
    with one.client() as client:
        client.ask(target)
        try:
            return client.answer()
        except Cut as cut:
            return cut


@pytest.mark.parametrize("with_reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize("whole", [LENGTH, CHUNKED, UNTIL_CLOSE], ids=["length", "chunks", "close"])
def test_an_answer_cut_anywhere_is_whole_or_an_error_or_a_reset(
    bad: Bad, whole: bytes, with_reset: bool
) -> None:
    """Red without `exchange.sink.abort()` in upstream/attempt.py, _fail."""
    target = bad.stage.on(saying(whole))
    # Without a stated length an end in order is the end, wherever it comes.
    ends_anywhere = whole is UNTIL_CLOSE and not with_reset
    head = whole.index(b"\r\n\r\n") + 4
    cuts = range(0, len(whole), STEP)
    errors = resets = 0
    for cut_after in cuts:
        bad.proxy.line = Line(cut_after=cut_after, with_reset=with_reset)
        got = outcome(bad.stage, target)
        if isinstance(got, Cut):
            resets += got.end is End.RESET
        elif got.status == 502:
            errors += 1
        else:
            assert ends_anywhere
            assert got.body == BODY[: max(0, cut_after - head)]
    in_head = len([cut for cut in cuts if cut < head])
    assert errors == in_head
    assert resets == (0 if ends_anywhere else len(cuts) - in_head)


def test_an_answer_in_slices_and_late_is_whole(bad: Bad) -> None:
    """Red without `self._raw = raw` in wire/http1_client.py."""
    bad.proxy.line = Line(slices=1, latency=0.01)
    for whole in (LENGTH, CHUNKED, UNTIL_CLOSE):
        target = bad.stage.on(saying(whole))
        got = outcome(bad.stage, target)
        assert isinstance(got, Answer)
        assert (got.status, got.body) == (200, BODY)


def test_each_answer_that_breaks_off_is_told_in_the_log(bad: Bad) -> None:
    """Red without `exchange.error = error` in upstream/attempt.py, _fail."""
    bad.proxy.line = Line(cut_after=len(LENGTH) - 5, with_reset=True)
    target = bad.stage.on(saying(LENGTH))
    for _ in range(20):
        assert isinstance(outcome(bad.stage, target), Cut)
    lines = bad.stage.lines(target, count=20)
    told = {(line["status"], line["code"], line["sent"]) for line in lines}
    assert (len(lines), told) == (20, {(200, "upstream_connection_terminated", 25)})


def test_a_silent_service_holds_no_request_beyond_its_time_and_no_connection(bad: Bad) -> None:
    """Forty at once: each hears 504, and nothing is left of them.

    Red without `connection.close()` in upstream/attempt.py, lost.
    """
    bad.proxy.line = Line(silent=True)
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(bad.stage.client()) for _ in range(AT_ONCE)]
        for number, client in enumerate(clients):
            client.ask(b"/hasty/%d" % number)
        statuses = [client.answer().status for client in clients]
    assert statuses == [504] * AT_ONCE
    assert time.monotonic() - begun < 5.0  # one behind the other would take twenty
    assert wait_until(lambda: bad.proxy.open == 0)


def test_connections_that_never_come_about_do_not_pile_up(tmp_path: Path) -> None:
    """Its queue is full, so that whoever connects hears nothing.

    Red without `asyncio.timeout(timeout)` in edge/upstream_connection.py, _open.
    """
    with black_hole() as port, scripted() as upstream:
        services = {"up": {"endpoints": [f"http://127.0.0.1:{port}"]}}
        routes = [
            {"path": "/here", "auth": "none", "respond": {"body": "here"}},
            {
                "path": "/{rest:path}",
                "service": "up",
                "auth": "none",
                "timeouts": {"connect": "300ms"},
                "retries": 0,
            },
        ]
        with (
            stage(
                tmp_path, upstream=upstream, services=services, routes=routes, **NO_RECORDS
            ) as one,
            contextlib.ExitStack() as stack,
        ):
            clients = [stack.enter_context(one.client()) for _ in range(AT_ONCE)]
            here = stack.enter_context(one.client())
            assert here.get(b"/here").body == b"here"
            before, begun = one.held(), time.monotonic()
            for client in clients:
                client.ask(b"/")
            assert here.get(b"/here").body == b"here"
            assert [client.answer().status for client in clients] == [504] * AT_ONCE
            assert time.monotonic() - begun < 5.0  # one behind the other would take twelve
            assert wait_until(lambda: descriptors(one.worker) <= before)


# --- halves (scenario 16) -----------------------------------------------------------------------


def test_an_answer_whose_connection_ends_with_it_is_whole(edge: Stage) -> None:
    """Head, body and end together, of each framing, many times over.

    Red without `self._codec.receive_eof()` in edge/upstream_connection.py, eof_received.
    """
    for whole in (LENGTH, CHUNKED, UNTIL_CLOSE):
        target = edge.on(saying(whole))
        for _ in range(20):
            with edge.client() as client:
                answer = client.get(target)  # may meet a connection that is just being closed
                assert (answer.status, answer.body) == (200, BODY)


def test_a_service_that_refuses_an_upload_and_hangs_up_is_heard(edge: Stage) -> None:
    """It answers early and closes a moment later, with bytes unread: its system tells a reset.

    One that does not wait that moment: test_early_answer.py.
    Red without `self._lingering = True` in edge/client_connection.py, _close: the client, which
    sends on, would be reset before it can read.
    """

    def script(call: Call) -> None:
        call.answer(b"too much", status=413)
        time.sleep(0.02)
        call.finish()

    target = edge.on(script)
    piece = chunk(bytes(1000))
    statuses = []
    for _ in range(40):
        with edge.client() as client:
            client.send(chunked_post(target) + piece)
            for _ in range(20):
                client.send(piece)
                time.sleep(0.0005)
            statuses.append(client.answer().status)
    assert statuses == [413] * 40
