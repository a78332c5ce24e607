"""A request goes upstream as soon as its head is there, and an answer comes back as it comes."""

import threading

import pytest

from tests.e2e.edge.stage import Stage
from tests.helpers.clients import PATIENCE, chunk, chunked_post, head_of, post_of
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import fill

pytestmark = pytest.mark.e2e


def test_the_upstream_sees_the_head_while_the_body_is_still_being_sent(edge: Stage) -> None:
    seen = threading.Event()

    def script(call: Call) -> None:
        seen.set()
        call.answer(call.body())

    target = edge.on(script)
    with edge.client() as client:
        client.send(post_of(target, b"0123456789")[:-5])
        came_first = seen.wait(PATIENCE)
        client.send(b"56789")
        assert (came_first, client.answer().body) == (True, b"0123456789")


def test_each_part_of_a_body_goes_on_as_it_comes(edge: Stage) -> None:
    parts: list[bytes] = []
    taken = threading.Semaphore(0)

    def script(call: Call) -> None:
        for _ in range(3):
            parts.append(call.read_exactly(4))
            taken.release()
        call.answer()

    target = edge.on(script)
    with edge.client() as client:
        client.send(head_of(target, method=b"PUT", fields=[(b"Content-Length", b"12")]))
        for part in (b"aaaa", b"bbbb", b"cccc"):
            client.send(part)
            assert taken.acquire(timeout=PATIENCE)
        assert client.answer().status == 200
    assert parts == [b"aaaa", b"bbbb", b"cccc"]


def test_the_client_sees_the_head_and_each_part_of_an_answer_as_they_come(edge: Stage) -> None:
    go_on = threading.Semaphore(0)

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for part in (b"ab", b"cd", b"ef"):
            assert go_on.acquire(timeout=PATIENCE)
            call.send(part)

    target = edge.on(script)
    with edge.client() as client:
        client.ask(target)
        assert client.head().status == 200
        for part in (b"ab", b"cd", b"ef"):
            go_on.release()
            assert client.read_exactly(2) == part


def test_an_answer_to_half_an_upload_reaches_the_client_that_is_still_sending(edge: Stage) -> None:
    def script(call: Call) -> None:
        call.answer(b"enough", status=403)
        call.gone()

    target = edge.on(script)
    with edge.client() as client:
        client.send(head_of(target, method=b"POST", fields=[(b"Content-Length", b"9000000")]))
        sent = fill(client.sock, most=8_000_000)
        answer = client.answer()
    assert (answer.status, answer.body, sent) == (403, b"enough", 8_000_000)


def test_the_whole_of_a_large_early_answer_can_be_read_behind_the_upload(edge: Stage) -> None:
    text = bytes(range(256)) * 1024

    def script(call: Call) -> None:
        call.answer(text, status=413)
        call.gone()

    target = edge.on(script)
    with edge.client() as client:
        client.send(head_of(target, method=b"POST", fields=[(b"Content-Length", b"9000000")]))
        fill(client.sock, most=8_000_000)
        answer = client.answer()
    assert (answer.status, answer.body) == (413, text)


def test_an_early_answer_goes_on_while_the_upload_does(edge: Stage) -> None:
    """A service may echo: what it sends meanwhile is passed on, both ways, to the end."""

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            size = int(call.read_until(b"\r\n"), 16)
            call.send(chunk(call.read_exactly(size)))
            call.read_exactly(2)
        assert call.read_exactly(5) == b"0\r\n\r\n"
        call.send(chunk(b""))

    target = edge.on(script)
    with edge.client() as client:
        client.send(chunked_post(target))
        assert client.head().status == 200
        for part in (b"one", b"two", b"three"):
            client.send(chunk(part))
            assert client.read_exactly(len(chunk(part))) == chunk(part)
        client.send(chunk(b""))
        assert client.read_exactly(5) == b"0\r\n\r\n"
        assert client.end() is End.CLOSED
