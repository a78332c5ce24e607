"""Limits: how many connections, and how large a body."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import PATIENCE, Answer, Client, chunk, chunked_post, head_of, post_of
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

IN_ALL, OF_ONE = 6, 4
HERE = "127.0.0.1"


def code(answer: Answer) -> tuple[int, str]:
    """The status, and the code of a problem."""
    return answer.status, str(json.loads(answer.body)["code"])


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway that takes few connections."""
    limits = {"per_worker": IN_ALL, "per_address": OF_ONE}
    path = tmp_path_factory.mktemp("narrow")
    with scripted() as upstream, stage(path, upstream=upstream, connections=limits) as running:
        yield running


def take_places(one: Stage, clients: ExitStack, *sources: str) -> list[Client]:
    """Open connections that are served; those of an earlier test may take a moment to end."""
    taken: list[Client] = []
    for source in sources:
        assert wait_until(lambda source=source: _is_served(one, clients, source, taken))  # type: ignore[misc]
    return taken


def _is_served(one: Stage, clients: ExitStack, source: str, taken: list[Client]) -> bool:
    client = clients.enter_context(one.client(source=source))
    if client.get(b"/").status != 200:
        client.reset()
        return False
    taken.append(client)
    return True


def test_one_connection_too_many_of_an_address_is_answered_503_and_closed(narrow: Stage) -> None:
    with ExitStack() as clients:
        good = take_places(narrow, clients, *[HERE] * OF_ONE)
        refused = clients.enter_context(narrow.client())
        answer = refused.answer()
        assert code(answer) == (503, "connections_exceeded")
        assert answer.value(b"retry-after") == b"1"
        assert answer.value(b"connection") == b"close"
        assert refused.end() is End.CLOSED
        assert [client.get(b"/").status for client in good] == [200] * OF_ONE


def test_another_address_is_served_meanwhile(narrow: Stage) -> None:
    with ExitStack() as clients:
        take_places(narrow, clients, *[HERE] * OF_ONE)
        other = clients.enter_context(narrow.client(source="127.0.0.9"))
        assert other.get(b"/").status == 200


def test_one_connection_too_many_in_all_is_answered_503(narrow: Stage) -> None:
    with ExitStack() as clients:
        take_places(narrow, clients, *[f"127.0.0.{number + 10}" for number in range(IN_ALL)])
        refused = clients.enter_context(narrow.client(source="127.0.0.99"))
        assert code(refused.answer()) == (503, "connections_exceeded")


def test_a_refused_connection_says_why_even_to_one_who_asks_before_listening(
    narrow: Stage,
) -> None:
    """The request is read, so that no reset overtakes the answer."""
    with ExitStack() as clients:
        take_places(narrow, clients, *[HERE] * OF_ONE)
        refused = clients.enter_context(narrow.client())
        refused.send(post_of(b"/", b"\0" * 100_000))
        assert code(refused.answer()) == (503, "connections_exceeded")


def test_a_place_is_free_again_when_its_connection_ends(narrow: Stage) -> None:
    for _ in range(3):
        with ExitStack() as clients:
            take_places(narrow, clients, *[HERE] * OF_ONE)


# --- bodies -------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_by_its_stated_length_is_refused_before_it_is_sent(
    edge: Stage,
) -> None:
    target = edge.on(lambda call: call.answer(), under=b"/small/")
    with edge.client() as client:
        client.send(post_of(target, b"x" * 1001)[:-1001])
        answer = client.answer()
        assert code(answer) == (413, "request_body_too_large")
        assert answer.value(b"connection") == b"close"
        assert client.end() is End.CLOSED
    assert edge.upstream.calls(target) == 0


def test_a_refused_body_has_its_id_and_its_line_in_the_log(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(), under=b"/small/")
    with edge.client() as client:
        client.send(post_of(target, b"x" * 1001))
        answer = client.answer()
    (line,) = edge.lines(target)
    assert (line["status"], line["code"]) == (413, "request_body_too_large")
    assert str(line["request_id"]).encode() == answer.value(b"x-request-id")


def test_a_chunked_body_is_cut_where_it_grows_too_large(edge: Stage) -> None:
    begun = threading.Event()
    ends: list[float] = []

    def script(call: Call) -> None:
        begun.set()
        ends.append(call.gone())

    target = edge.on(script, under=b"/small/")
    with edge.client() as client:
        client.send(chunked_post(target) + chunk(b"x" * 1000))
        assert begun.wait(PATIENCE)
        client.send(chunk(b"y"))
        assert code(client.answer()) == (413, "request_body_too_large")
        assert client.end() is End.CLOSED
    assert wait_until(lambda: bool(ends))


def test_a_body_that_is_just_small_enough_is_taken(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(b"%d" % len(call.body())), under=b"/small/")
    with edge.client() as client:
        client.send(post_of(target, b"x" * 1000))
        assert client.answer().body == b"1000"
        client.send(chunked_post(target) + chunk(b"x" * 400) + chunk(b"y" * 600) + chunk(b""))
        assert client.answer().body == b"1000"


def test_a_body_too_large_does_not_keep_a_waiting_client_from_its_answer(edge: Stage) -> None:
    """A client that sends all before it listens is listened to until it does."""
    target = edge.on(lambda call: call.answer(), under=b"/small/")
    with edge.client() as client:
        client.send(post_of(target, bytes(3_000_000)))
        assert code(client.answer()) == (413, "request_body_too_large")


def test_a_service_that_has_all_it_may_have_is_answered_503(tmp_path: Path) -> None:
    def hold(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        call.gone()

    with scripted() as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        services = {"up": {"endpoints": [url], "limits": {"in_flight": 2}}}
        with (
            stage(tmp_path, upstream=upstream, services=services) as one,
            one.client() as first,
            one.client() as second,
            one.client() as third,
        ):
            for client in (first, second):
                client.send(head_of(one.on(hold)))
                assert client.head().status == 200
            answer = third.get(b"/")
            assert code(answer) == (503, "upstream_limit_reached")
            assert answer.value(b"proxy-status") == b"tta-gateway; error=connection_limit_reached"
            first.close()
            assert wait_until(lambda: third.get(b"/").status == 200)
