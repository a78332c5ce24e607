"""Nobody is read faster than the other side takes it, and a slow one costs little memory."""

import contextlib
import hashlib
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import PATIENCE, Client, head_of, post_of
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import fill, resident, settled, wait_until

pytestmark = pytest.mark.e2e

MIB = 1 << 20
LARGE = 64 * MIB
BUFFERS = 24 * MIB
"""More than the kernel holds of a connection that nobody reads, at both ends of both hops."""


def test_a_service_that_does_not_read_stops_the_client(edge: Stage) -> None:
    go_on = threading.Event()

    def script(call: Call) -> None:
        assert go_on.wait(PATIENCE)
        call.answer(b"%d" % len(call.body()))

    target = edge.on(script, under=b"/large/")
    before = resident(edge.worker)
    with edge.client() as client:
        client.send(upload_of(target, LARGE))
        took = fill(client.sock, most=LARGE)
        rise = resident(edge.worker) - before
        go_on.set()
        client.send(bytes(LARGE - took))
        answer = client.answer()
    assert took < BUFFERS
    assert rise < 4 * MIB
    assert answer.body == b"%d" % LARGE


def upload_of(target: bytes, size: int) -> bytes:
    """The head of a large upload."""
    return head_of(target, method=b"POST", fields=[(b"Content-Length", b"%d" % size)])


def test_a_client_that_does_not_read_stops_the_service(edge: Stage) -> None:
    took: list[int] = []
    stuck = threading.Event()

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
        took.append(fill(call.sock, most=LARGE))
        stuck.set()
        call.sock.settimeout(PATIENCE)
        call.send(bytes(LARGE - took[0]))

    target = edge.on(script)
    before = resident(edge.worker)
    with edge.client(receive_buffer=65536) as client:
        client.ask(target)
        assert stuck.wait(PATIENCE)
        rise = resident(edge.worker) - before
        assert took[0] < BUFFERS
        assert rise < 2 * MIB
        assert len(client.answer().body) == LARGE


def test_ten_slow_readers_of_a_large_answer_cost_less_than_two_megabytes_each(
    edge: Stage,
) -> None:
    size = 200 * MIB

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(200):
            call.send(b"\0" * MIB)

    target = edge.on(script)
    before = resident(edge.worker)
    with contextlib.ExitStack() as open_ones:
        clients = [open_ones.enter_context(edge.client(receive_buffer=65536)) for _ in range(10)]
        for client in clients:
            client.ask(target)
        most = 0
        for _ in range(10):
            for client in clients:
                client.read_exactly(100_000)
            time.sleep(0.05)
            most = max(most, resident(edge.worker) - before)
    assert most / 10 < 2 * MIB


def test_a_slow_reader_gets_every_byte(edge: Stage) -> None:
    text = bytes(range(256)) * 4096 * 4

    def script(call: Call) -> None:
        call.answer(text)

    target = edge.on(script)
    digest = hashlib.sha256()
    with edge.client(receive_buffer=16384) as client:
        client.ask(target)
        left = int(client.head().value(b"content-length") or 0)
        while left:
            part = client.read_exactly(min(left, 65536))
            digest.update(part)
            left -= len(part)
            time.sleep(0.005)
    assert digest.digest() == hashlib.sha256(text).digest()


@pytest.mark.parametrize(("size", "count"), [(8 * MIB, 8), (100_000, 400), (8_000, 5_000)])
def test_answers_are_not_piled_up_for_a_client_that_asks_on_and_does_not_read(
    edge: Stage, size: int, count: int
) -> None:
    """However large each is: all together they would fill the memory."""
    text = b"\0" * size
    target = edge.on(lambda call: call.answer(text))
    before = resident(edge.worker)
    with edge.client(receive_buffer=65536) as client:
        fill(client.sock, most=count * len(head_of(target)), piece=head_of(target) * count)
        settled(lambda: edge.upstream.calls(target))
        rise, asked = resident(edge.worker) - before, edge.upstream.calls(target)
        answers = [len(client.answer().body) for _ in range(count)]
    assert asked * size < BUFFERS
    assert rise < 2 * MIB
    assert answers == [size] * count


def test_a_client_that_asks_one_by_one_and_does_not_read_is_not_read_either(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(bytes(100_000)))
    before = resident(edge.worker)
    with edge.client(receive_buffer=65536) as client:
        for _ in range(400):
            client.ask(target)
            time.sleep(0.001)
        asked = settled(lambda: edge.upstream.calls(target))
        rise = resident(edge.worker) - before
    assert asked * 100_000 < BUFFERS
    assert rise < 2 * MIB


def test_an_upload_that_had_to_wait_for_its_connection_is_held_back_all_the_same(
    tmp_path: Path,
) -> None:
    """What has gathered meanwhile fills the connection at once; the client must not go on."""
    release, go_on = threading.Event(), threading.Event()

    def answer_first_and_read_later(call: Call) -> None:
        assert release.wait(PATIENCE)
        call.answer()
        assert go_on.wait(PATIENCE)
        call.body()

    with scripted(unix=tmp_path / "up") as upstream:
        services = {"up": {"endpoints": [upstream.url], "limits": {"connections": 1}}}
        special = {"path": "/large/{rest:path}", "max_body": "1GiB"}
        with (
            stage(tmp_path, special, upstream=upstream, services=services) as one,
            one.client() as first,
            one.client() as second,
        ):
            before = resident(one.worker)
            held = one.on(answer_first_and_read_later)
            first.send(post_of(held, bytes(250_000)))
            assert wait_until(lambda: upstream.calls(held) == 1)
            target = one.on(lambda call: call.answer(b"%d" % len(call.body())), under=b"/large/")
            second.send(upload_of(target, LARGE) + bytes(60_000))
            took = 60_000 + fill(second.sock, most=LARGE)
            release.set()
            assert first.answer().status == 200
            took += fill(second.sock, most=LARGE - took)
            rise = resident(one.worker) - before
            go_on.set()
            second.send(bytes(LARGE - took))
            assert second.answer().body == b"%d" % LARGE
    assert took < BUFFERS
    assert rise < 4 * MIB


def test_requests_that_the_gateway_answers_itself_are_not_read_faster_than_that(
    edge: Stage,
) -> None:
    """Each costs a turn of the loop; what is read of others meanwhile is bounded."""
    request = head_of(b"//refused")
    before = resident(edge.worker)
    with edge.client() as client:
        threads = [
            threading.Thread(target=_flood, args=(client, request * 2000)),
            threading.Thread(target=client.end),
        ]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        rise = resident(edge.worker) - before
        client.sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(PATIENCE)
    assert rise < 2 * MIB


def _flood(client: Client, data: bytes) -> None:
    with contextlib.suppress(OSError):
        for _ in range(1000):
            client.send(data)


def test_a_request_that_is_read_ahead_is_bounded(edge: Stage) -> None:
    """While one request is under way, what is pipelined behind it is read up to eight requests."""
    release = threading.Event()

    def script(call: Call) -> None:
        assert release.wait(PATIENCE)
        call.answer()

    target = edge.on(script)
    behind = post_of(target, b"\0" * 60_000)
    before = resident(edge.worker)
    with edge.client() as client:
        client.ask(target)
        sent = fill(client.sock, most=64 * MIB, piece=behind)
        rise = resident(edge.worker) - before
        release.set()
        assert client.answer().status == 200
    assert sent < BUFFERS
    assert rise < 2 * MIB
