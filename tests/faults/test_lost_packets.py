"""Services whose packets are lost: no answer, no refusal, no end, only time that passes.

Scenarios 12 and 13 of docs/faults.md.  The packets are real, and dropped in the kernel on their
way to the service: tests/helpers/deaf.py.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import NO_RECORDS, Stage, scripted, stage
from tests.helpers.clients import Answer, head_of, post_of
from tests.helpers.deaf import DATA, deafen, hear
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call, ScriptedUpstream
from tests.helpers.slow import descriptors, fill, wait_until

pytestmark = pytest.mark.e2e

AT_ONCE: Final = 40
CONNECT: Final = 0.8
FIRST_BYTE: Final = 0.6
LATEST: Final = 3.0
"""Seconds: the connect timeout of an answer, with what a busy machine adds."""
PATIENCE: Final = {"connect": "800ms", "first_byte": "600ms", "idle": "600ms"}
LARGE: Final = 64 << 20
"""Bytes that no buffers on the way hold."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A gateway with two services: `alone` has one endpoint, `pair` another one beside it."""

    stage: Stage
    one: ScriptedUpstream
    other: ScriptedUpstream


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[Lost]:
    with scripted() as one, scripted() as other:
        services = {
            "alone": {"endpoints": [one.url]},
            "pair": {"endpoints": [one.url, other.url], "balance": "round_robin"},
        }
        off = {"mode": "off", "reason": "bytes, and no words"}
        to = {"auth": "none", "timeouts": PATIENCE, "safety": off}
        routes = [
            {"path": "/here", "auth": "none", "respond": {"body": "here"}},
            {"path": "/once/{rest:path}", "service": "alone", "retries": 0, **to},
            {"path": "/alone/{rest:path}", "service": "alone", "max_body": "100MiB", **to},
            {"path": "/pair/{rest:path}", "service": "pair", **to},
        ]
        with stage(
            tmp_path, upstream=one, services=services, routes=routes, **NO_RECORDS
        ) as running:
            yield Lost(running, one, other)


def told(answer: Answer) -> tuple[int, str]:
    """The status and the code."""
    return answer.status, json.loads(answer.body)["code"] if answer.status >= 500 else ""


def test_a_service_that_hears_no_knock_is_answered_504_and_piles_up_nothing(lost: Lost) -> None:
    """Forty at once; others are served meanwhile, and the service as soon as it hears again.

    Red without `asyncio.timeout(timeout)` in edge/upstream_connection.py, _open.
    """
    deafen(lost.one.listener)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(lost.stage.client()) for _ in range(AT_ONCE)]
        here = stack.enter_context(lost.stage.client())
        assert here.get(b"/here").body == b"here"
        before, begun = lost.stage.held(), time.monotonic()
        for client in clients:
            client.send(post_of(b"/once/a", b"body"))
        assert here.get(b"/here").body == b"here"
        assert time.monotonic() - begun < CONNECT
        answers = [told(client.answer()) for client in clients]
        assert answers == [(504, "upstream_connect_timeout")] * AT_ONCE
        assert CONNECT < time.monotonic() - begun < LATEST
        assert wait_until(lambda: descriptors(lost.stage.worker) <= before)
        assert lost.one.calls(b"/once/a") == 0
        hear(lost.one.listener)
        assert here.get(b"/once/a").body == b"plain"
    lines = lost.stage.lines(b"/once/a", count=AT_ONCE + 1)
    assert [line["tries"] for line in lines] == [1] * (AT_ONCE + 1)


def test_a_request_whose_knock_is_lost_goes_to_another_endpoint(lost: Lost) -> None:
    """Nothing of it has arrived, so that even a POST does, whole; and each of them once.

    Red without `self._repeat(error)` in upstream/attempt.py, _fail.
    """
    deafen(lost.one.listener)
    target = lost.other.on(lambda call: call.answer(call.body()), under=b"/pair/")
    with lost.stage.client() as client:
        for number in range(6):
            client.send(post_of(target, b"%d" % number))
            assert client.answer().body == b"%d" % number
    assert (lost.one.calls(target), lost.other.calls(target)) == (0, 6)
    tries = {line["tries"] for line in lost.stage.lines(target, count=6)}
    assert tries in ({2}, {1, 2})


@pytest.mark.parametrize(("method", "failing"), [(b"PUT", []), (b"POST", [504])])
def test_a_request_that_is_lost_on_its_way_goes_elsewhere_where_that_is_safe(
    lost: Lost, method: bytes, failing: list[int]
) -> None:
    """Its connection comes about, and nothing that is sent on it arrives: who knows?

    Red without `may_repeat` in upstream/attempt.py, _repeatable.
    """
    deafen(lost.one.listener, DATA)
    target = lost.other.on(lambda call: call.answer(call.body()), under=b"/pair/")
    statuses = []
    for _ in range(2):  # one of the two, at least, begins at the endpoint that hears nothing
        with lost.stage.client() as client:
            client.send(post_of(target, b"body", method=method))
            statuses.append(told(client.answer())[0])
    assert sorted(statuses) == ([200, *failing] if failing else [200, 200])
    assert (lost.one.calls(target), lost.other.calls(target)) == (0, statuses.count(200))
    lines = lost.stage.lines(target, count=2)
    assert max(int(str(line["tries"])) for line in lines) == (1 if failing else 2)
    codes = [line["code"] for line in lines if line["status"] == 504]
    assert codes == ["upstream_first_byte_timeout"] * len(failing)


@pytest.mark.parametrize(("method", "status"), [(b"PUT", 200), (b"POST", 504)])
def test_a_connection_that_goes_dark_between_two_requests_is_given_up(
    lost: Lost, method: bytes, status: int
) -> None:
    """It looks idle, and nothing tells otherwise; the next request finds out, in `first_byte`.

    Red without `connection.close()` in upstream/attempt.py, lost.
    """

    is_dark = threading.Event()

    def go_dark(call: Call) -> None:
        call.answer(call.body())
        deafen(call.sock)
        is_dark.set()

    dark = lost.stage.on(go_dark, under=b"/alone/")
    target = lost.stage.on(lambda call: call.answer(call.body()), under=b"/alone/")
    with lost.stage.client() as client:
        assert client.get(b"/here").status == 200
        before = lost.stage.held()
        assert client.get(dark).status == 200
        assert is_dark.wait(5.0)
        begun = time.monotonic()
        client.send(post_of(target, b"body", method=method))
        assert client.answer().status == status
        assert FIRST_BYTE - 0.25 < time.monotonic() - begun < LATEST
        # A fresh connection serves; the dark one is not asked again.
        assert client.get(target).status == 200
        assert wait_until(lambda: descriptors(lost.stage.worker) <= before + 1)
    assert lost.one.calls(target) == 1 + (status == 200)


def test_an_upload_whose_line_goes_dark_is_answered_504(lost: Lost) -> None:
    """Nothing more is acknowledged: buffers fill, and time passes.

    Red without `first_byte` in edge/upstream_connection.py, pause_writing.
    """

    over = threading.Event()

    def go_dark(call: Call) -> None:
        deafen(call.sock)
        call.is_over = over.wait(10.0)

    target = lost.stage.on(go_dark, under=b"/alone/")
    with lost.stage.client() as client:
        client.send(head_of(target, method=b"POST", fields=[(b"Content-Length", b"%d" % LARGE)]))
        begun = time.monotonic()
        assert fill(client.sock, most=LARGE, quiet=0.2) < LARGE
        assert told(client.answer()) == (504, "upstream_first_byte_timeout")
        assert FIRST_BYTE - 0.25 < time.monotonic() - begun < LATEST
    over.set()
    assert lost.one.calls(target) == 1


def test_an_answer_whose_line_goes_dark_is_broken_off(lost: Lost) -> None:
    """The service hears of nothing that arrives, and so soon sends nothing more.

    Red without `exchange.sink.abort()` in upstream/attempt.py, _fail.
    """

    def go_dark(call: Call) -> None:
        deafen(call.sock)
        call.answer(bytes(LARGE))

    target = lost.stage.on(go_dark, under=b"/alone/")
    with lost.stage.client() as client:
        client.ask(target)
        assert client.head().status == 200
        begun = time.monotonic()
        assert client.end() is End.RESET
        assert time.monotonic() - begun < LATEST
    (line,) = lost.stage.lines(target)
    assert (line["status"], line["code"]) == (200, "upstream_answer_stalled")
    assert 0 < int(str(line["sent"])) < LARGE
