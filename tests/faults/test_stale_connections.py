"""A service that closes idle connections whenever it likes: clients do not notice."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import Answer, Client, head_of, post_of
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import frozen, wait_until

pytestmark = pytest.mark.e2e

REQUESTS: Final = 1000
APART: Final = 0.01
"""Seconds between two things, so that they are found in their order."""


def answer_and_close(call: Call) -> None:
    """Answer as if the connection would stay, and close it."""
    call.answer(b"fine:" + call.body())
    call.finish()


def answer_and_break_off(call: Call) -> None:
    """Answer as if the connection would stay, and reset it."""
    call.answer(b"fine:" + call.body())
    time.sleep(0.0005)
    call.break_off()


def ask_on(client: Client, request: bytes, count: int) -> list[int]:
    """Ask again and again; return the statuses."""
    statuses = []
    for _ in range(count):
        client.send(request)
        statuses.append(client.answer().status)
    return statuses


@pytest.mark.parametrize("script", [answer_and_close, answer_and_break_off])
@pytest.mark.parametrize("method", [b"GET", b"PUT"])
def test_a_thousand_requests_that_may_be_repeated_meet_no_error(
    edge: Stage, script: object, method: bytes
) -> None:
    """Red without `self._repeat(error)` in upstream/attempt.py, _fail."""
    assert callable(script)
    target = edge.on(script)
    request = post_of(target, b"small", method=method) if method == b"PUT" else head_of(target)
    with edge.client() as client:
        assert ask_on(client, request, REQUESTS // 2) == [200] * (REQUESTS // 2)


def test_a_thousand_requests_of_many_clients_at_once_meet_no_error(tmp_path: Path) -> None:
    """Retries of stale connections are not of the budget, nor do they count as tries.

    Red with `return self._reused and False` in upstream/attempt.py, _is_stale.
    """
    statuses: list[int] = []
    lock = threading.Lock()

    def client_of(one: Stage, target: bytes) -> None:
        with one.client() as client:
            got = ask_on(client, head_of(target), REQUESTS // 8)
        with lock:
            statuses.extend(got)

    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        target = one.on(answer_and_close)
        threads = [threading.Thread(target=client_of, args=(one, target)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30.0)
    assert statuses == [200] * REQUESTS


def test_a_queue_behind_few_connections_meets_no_error(tmp_path: Path) -> None:
    """Who waited for a connection may get one that is just being closed.

    Red with `.connected(connection)` in place of `.reuse(connection)` in upstream/attempt.py,
    give_back.
    """
    statuses: list[int] = []
    lock = threading.Lock()

    def client_of(one: Stage, target: bytes) -> None:
        with one.client() as client:
            got = ask_on(client, head_of(target), 50)
        with lock:
            statuses.extend(got)

    with scripted() as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        services = {"up": {"endpoints": [url], "limits": {"connections": 2}}}
        with stage(tmp_path, upstream=upstream, services=services) as one:
            target = one.on(answer_and_close)
            threads = [threading.Thread(target=client_of, args=(one, target)) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30.0)
    assert statuses == [200] * 600


def test_a_post_is_never_sent_twice_and_told_honestly_what_became_of_it(edge: Stage) -> None:
    """Red with `or True` in place of `or method in IDEMPOTENT` in upstream/retry.py."""
    bodies: list[bytes] = []
    served: set[int] = set()

    def script(call: Call) -> None:
        bodies.append(call.body())
        if call.number in served:  # it does what it was asked, and dies before it can say so
            call.finish()
            return
        served.add(call.number)
        call.answer(bodies[-1])

    target = edge.on(script)
    asked = [b"post %d" % number for number in range(200)]
    answers = []
    with edge.client() as client:
        for body in asked:
            client.send(post_of(target, body))
            answers.append(client.answer())
    assert bodies == asked
    assert {answer.status for answer in answers} == {200, 502}
    assert {code_of(answer) for answer in answers if answer.status == 502} == {
        "upstream_connection_terminated"
    }


def code_of(answer: Answer) -> str:
    """The code of a problem."""
    return str(json.loads(answer.body)["code"])


# --- races, made to happen: what a stopped worker finds, it finds in one turn of its loop ---------


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Stage]:
    """A gateway without any connection yet."""
    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        yield one


@pytest.fixture
def client(warm: Stage) -> Iterator[Client]:
    """A client that has been served: its connection is open, and one to the service is idle."""
    with warm.client() as client:
        assert client.get(b"/").status == 200
        assert warm.upstream.connections == 1
        yield client


def test_a_post_that_comes_right_behind_the_end_of_an_idle_connection_does_not_meet_it(
    warm: Stage, client: Client
) -> None:
    """Red without `self.close()` in edge/upstream_connection.py, eof_received."""
    target = warm.on(lambda call: call.answer(call.body()))
    with frozen(warm.worker):
        warm.upstream.break_all()
        time.sleep(APART)
        client.send(post_of(target, b"once"))
    answer = client.answer()
    assert (answer.status, answer.body, warm.upstream.calls(target)) == (200, b"once", 1)


def test_a_post_that_the_end_of_its_connection_overtakes_is_told_so(
    warm: Stage, client: Client
) -> None:
    """Red with `or True` in place of `or method in IDEMPOTENT` in upstream/retry.py."""
    target = warm.on(lambda call: call.answer(call.body()))
    with frozen(warm.worker):
        client.send(post_of(target, b"once"))
        time.sleep(APART)
        warm.upstream.break_all()
    answer = client.answer()
    assert (answer.status, code_of(answer)) == (502, "upstream_connection_terminated")
    assert warm.upstream.calls(target) == 0


@pytest.mark.parametrize("with_reset", [False, True])
def test_a_get_that_the_end_of_its_connection_overtakes_is_answered(
    warm: Stage, client: Client, with_reset: bool
) -> None:
    """Red without `self._repeat(error)` in upstream/attempt.py, _fail."""
    with frozen(warm.worker):
        client.ask(b"/")
        time.sleep(APART)
        warm.upstream.break_all(with_reset=with_reset)
    assert client.answer().body == b"plain"


def test_a_put_whose_body_is_still_to_come_is_answered(warm: Stage, client: Client) -> None:
    """Most clients send head and body apart; what has come of the body is held for the next try.

    Red without `upload.received <= upload.keep` in upstream/attempt.py, _is_held.
    """
    target = warm.on(lambda call: call.answer(call.body()))
    whole = post_of(target, b"small", method=b"PUT")
    with frozen(warm.worker):
        client.send(whole[:-3])
        time.sleep(APART)
        warm.upstream.break_all()
    assert wait_until(lambda: warm.upstream.calls(target) == 1)
    client.send(whole[-3:])
    answer = client.answer()
    assert (answer.status, answer.body, warm.upstream.calls(target)) == (200, b"small", 1)


def test_an_answer_that_nobody_asked_for_is_not_taken_for_one_to_the_request_behind_it(
    warm: Stage, client: Client
) -> None:
    """Its connection is not used again.

    Red without `self.close()` in edge/upstream_connection.py, data_received.
    """
    numbers: list[int] = []

    def script(call: Call) -> None:
        numbers.append(call.number)
        call.answer(b"true")

    target = warm.on(script)
    with frozen(warm.worker):
        warm.upstream.say_on_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        time.sleep(APART)
        client.ask(target)
    assert client.answer().body == b"true"
    assert numbers == [2]
