"""Every wait has an end, and who waited in vain is told honestly, as far as it still can be.

Deadlines are looked at five times a second, so an end may come that much early or late.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import (
    PATIENCE,
    Answer,
    Client,
    Field,
    chunk,
    chunked_post,
    head_of,
    post_of,
)
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import black_hole, fill, is_cut, trickle, wait_until

pytestmark = pytest.mark.e2e

PERIOD: Final = 0.6
"""What each of the short timeouts is set to."""
EARLIEST: Final = PERIOD - 0.25
LATEST: Final = PERIOD + 2.4
"""On a machine that others keep busy: still far from every timeout that is not PERIOD."""
STEP: Final = PERIOD / 8
"""Between two signs of life: a few times as long is no silence yet."""


@dataclass(slots=True)
class Waited:
    """How long something took, with what began it: a clock that starts behind that may be late."""

    seconds: float = 0.0

    @property
    def is_in_time(self) -> bool:
        """It came about when the timeout says."""
        return EARLIEST < self.seconds < LATEST


@contextmanager
def clock() -> Iterator[Waited]:
    """Measure the block."""
    waited, begun = Waited(), time.monotonic()
    yield waited
    waited.seconds = time.monotonic() - begun


def code(answer: Answer) -> tuple[int, str]:
    """The status, and the code of a problem."""
    return answer.status, str(json.loads(answer.body)["code"])


# --- the client's -------------------------------------------------------------------------------


def test_half_a_head_is_answered_408(hasty: Stage) -> None:
    with hasty.client() as client:
        with clock() as waited:
            client.send(head_of(b"/")[:20])
            answer = client.answer()
        assert code(answer) == (408, "request_timeout")
        assert waited.is_in_time, waited
        assert client.end() is End.CLOSED


def test_a_head_that_trickles_is_answered_408_counted_from_its_first_byte(hasty: Stage) -> None:
    head = head_of(b"/", fields=[(b"x-long", b"a" * 200)])
    with hasty.client() as client:
        with clock() as waited:
            trickle(client.sock, head[:30], pause=0.02)
            assert code(client.answer()) == (408, "request_timeout")
        assert waited.is_in_time, waited


def test_half_a_head_behind_an_answer_is_answered_408(hasty: Stage) -> None:
    with hasty.client() as client:
        assert client.get(b"/").status == 200
        with clock() as waited:
            client.send(head_of(b"/")[:20])
            assert code(client.answer()) == (408, "request_timeout")
        assert waited.is_in_time, waited


def test_half_a_head_pipelined_behind_a_request_is_answered_408(tmp_path: Path) -> None:
    """It has come early, but it is no idle connection: its own time counts."""
    timeouts = {"header": "600ms", "keep_alive": "30s"}
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, client_timeouts=timeouts) as one,
        one.client() as client,
    ):
        with clock() as waited:
            client.send(head_of(b"/") + head_of(b"/")[:20])
            assert client.answer().status == 200
            assert code(client.answer()) == (408, "request_timeout")
        assert waited.is_in_time, waited


def test_a_connection_without_a_request_is_closed_in_silence(hasty: Stage) -> None:
    with clock() as waited, hasty.client() as client:
        assert client.read_to_end() == b""
    assert waited.is_in_time, waited


def test_an_idle_connection_is_closed_in_silence(hasty: Stage) -> None:
    with hasty.client() as client, clock() as waited:
        assert client.get(b"/").status == 200
        assert client.read_to_end() == b""
    assert waited.is_in_time, waited


def test_a_connection_in_use_is_not_idle(hasty: Stage) -> None:
    with hasty.client() as client:
        for _ in range(16):
            assert client.get(b"/").status == 200
            time.sleep(STEP)


def test_a_body_that_stops_is_answered_408_and_frees_the_service(edge: Stage) -> None:
    gone: list[float] = []
    target = edge.on(lambda call: gone.append(call.gone()), under=b"/body-idle/")
    with edge.client() as client:
        with clock() as waited:
            client.send(post_of(target, b"0123456789")[:-5])
            answer = client.answer()
        assert code(answer) == (408, "request_timeout")
        assert waited.is_in_time, waited
        assert client.end() is End.CLOSED
    assert wait_until(lambda: bool(gone))


def test_a_body_that_comes_slowly_but_steadily_is_taken(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(call.body()), under=b"/body-idle/")
    with edge.client() as client:
        client.send(chunked_post(target))
        for _ in range(16):
            time.sleep(STEP)
            client.send(chunk(b"x" * 400))
        client.send(chunk(b""))
        assert client.answer().body == b"x" * 6400


def test_a_body_that_trickles_is_answered_408_and_frees_its_service(edge: Stage) -> None:
    """Each byte comes in time; all of them together would hold a connection for ever."""

    def script(call: Call) -> None:
        call.gone()

    target = edge.on(script, under=b"/body-idle/")
    with edge.client() as client:
        client.send(chunked_post(target))
        for _ in range(9):
            time.sleep(PERIOD / 3)
            client.send(chunk(b"x"))
        assert client.answer().status == 408


def test_a_body_that_stops_behind_a_stretch_when_the_service_was_slow_is_answered_408(
    tmp_path: Path,
) -> None:
    """The clock of the body stands still while the service does not read, and then runs again.

    Of many sizes, some end just where the service was waited for.
    """
    sizes = range(100_000, 1_000_000, 50_000)
    go_on = threading.Event()

    def script(call: Call) -> None:
        assert go_on.wait(PATIENCE)
        call.gone()

    short = {"path": "/short/{rest:path}", "timeouts": {"body_idle": "600ms"}}
    with (
        scripted(unix=tmp_path / "up") as upstream,
        stage(tmp_path, short, upstream=upstream) as one,
        ExitStack() as open_ones,
    ):
        target = one.on(script, under=b"/short/")
        clients = [open_ones.enter_context(one.client()) for _ in sizes]
        for client, size in zip(clients, sizes, strict=True):
            length = [(b"Content-Length", b"%d" % (size + 1))]
            client.send(head_of(target, method=b"POST", fields=length) + bytes(size))
        time.sleep(0.3)
        go_on.set()
        with clock() as waited:
            answers = {code(client.answer()) for client in clients}
    assert answers == {(408, "request_timeout")}
    assert waited.seconds < LATEST


def test_a_client_that_takes_nothing_of_an_answer_is_cut_off(hasty: Stage) -> None:
    gone: list[float] = []

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n")
        fill(call.sock, most=64_000_000, quiet=0.3)
        begun = time.monotonic()
        gone.append(call.gone() - begun)

    target = hasty.on(script)
    with hasty.client(receive_buffer=65536) as client:
        client.ask(target)
        assert wait_until(lambda: bool(gone))
        assert client.end() is End.RESET
    assert gone[0] < LATEST


def test_a_client_that_asks_on_and_takes_nothing_is_cut_off(hasty: Stage) -> None:
    target = hasty.on(lambda call: call.answer(bytes(100_000)))
    with hasty.client(receive_buffer=4096) as client:
        client.send(head_of(target) * 80)
        assert is_cut(client)  # by the system's word: who reads takes something
        assert client.end() is End.RESET


def test_a_client_that_takes_an_answer_slowly_but_steadily_gets_it(hasty: Stage) -> None:
    text = bytes(1_000_000)
    target = hasty.on(lambda call: call.answer(text))
    with hasty.client(receive_buffer=16384) as client:
        client.ask(target)
        left = int(client.head().value(b"content-length") or 0)
        while left:
            left -= len(client.read_exactly(min(left, 20_000)))
            time.sleep(0.05)


def test_a_client_that_goes_on_sending_behind_its_answer_is_cut_off(hasty: Stage) -> None:
    """The rest of the request is listened to for a while, so that the answer can be read."""
    target = hasty.on(_refuse_early)
    with hasty.client() as client, clock() as waited:
        client.send(head_of(target, method=b"POST", fields=[(b"Content-Length", b"9000000")]))
        assert client.answer().status == 403
        _send_until_cut(client)
    assert 0.6 < waited.seconds < 1.0 + LATEST - PERIOD  # `linger` is a second


def _refuse_early(call: Call) -> None:
    call.answer(status=403)
    call.gone()


def _send_until_cut(client: Client) -> None:
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            client.send(b"\0" * 1000)
            time.sleep(0.02)
    except ConnectionError:
        return
    pytest.fail("the gateway listens for ever")


# --- the service's ------------------------------------------------------------------------------


def test_a_service_that_does_not_accept_is_answered_504(tmp_path: Path) -> None:
    with black_hole() as port, scripted() as upstream:
        services = {"up": {"endpoints": [f"http://127.0.0.1:{port}"]}}
        patience = {"path": "/{rest:path}", "timeouts": {"connect": "300ms"}, "retries": 1}
        with (
            stage(
                tmp_path,
                upstream=upstream,
                services=services,
                routes=[{"service": "up", "auth": "none", **patience}],
            ) as one,
            one.client() as client,
        ):
            with clock() as waited:
                answer = client.get(b"/")
            assert code(answer) == (504, "upstream_connect_timeout")
            assert answer.value(b"proxy-status") == b"tta-gateway; error=connection_timeout"
            assert waited.is_in_time, waited  # two tries of 300 ms


def test_a_service_that_accepts_and_says_nothing_is_answered_504_and_freed(edge: Stage) -> None:
    gone: list[float] = []
    target = edge.on(lambda call: gone.append(call.gone()), under=b"/first-byte/")
    with edge.client() as client:
        with clock() as waited:
            client.send(post_of(target, b"once"))
            answer = client.answer()
        assert code(answer) == (504, "upstream_first_byte_timeout")
        assert answer.value(b"proxy-status") == b"tta-gateway; error=http_response_timeout"
        assert waited.is_in_time, waited
        assert client.get(b"/").status == 200
    assert wait_until(lambda: bool(gone))


def test_a_request_that_was_not_answered_in_time_and_may_not_be_repeated_is_sent_once(
    edge: Stage,
) -> None:
    target = edge.on(lambda call: _ignore(call.gone()), under=b"/first-byte/")
    with edge.client() as client:
        client.send(post_of(target, b"once"))
        assert client.answer().status == 504
    assert edge.upstream.calls(target) == 1


def _ignore(_: float) -> None:
    """The moment does not matter."""


def test_a_service_that_stops_reading_a_body_is_answered_504(edge: Stage) -> None:
    answered = threading.Event()

    def script(call: Call) -> None:
        assert answered.wait(PATIENCE)
        call.gone()

    target = edge.on(script, under=b"/first-byte/")
    with edge.client() as client:
        client.send(chunked_post(target))
        with clock() as waited:
            fill(client.sock, most=100 * 65544, quiet=0.2, piece=chunk(b"\0" * 65536))
            assert code(client.answer()) == (504, "upstream_first_byte_timeout")
        answered.set()
    assert waited.is_in_time, waited


def test_all_tries_together_end_with_the_total(edge: Stage) -> None:
    target = edge.on(lambda call: _ignore(call.gone()), under=b"/total/")
    with edge.client() as client:
        with clock() as waited:
            answer = client.get(target)
        assert code(answer) == (504, "upstream_total_timeout")
        assert waited.is_in_time, waited
    assert edge.upstream.calls(target) == 2


def test_a_request_that_waits_for_a_connection_ends_with_the_total(tmp_path: Path) -> None:
    """The answer that holds the only connection may go on for ever."""

    def holder(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        call.gone()

    with scripted() as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        services = {"up": {"endpoints": [url], "limits": {"connections": 1}}}
        short = {"path": "/total/{rest:path}", "timeouts": {"connect": 0.5, "total": 0.6}}
        with (
            stage(tmp_path, short, upstream=upstream, services=services) as one,
            one.client() as first,
            one.client() as second,
        ):
            first.ask(one.on(holder))
            assert first.head().status == 200
            with clock() as waited:
                answer = second.get(b"/total/")
            assert code(answer) == (504, "upstream_total_timeout")
            assert waited.is_in_time, waited
            assert second.get(b"/total/").status == 504


def test_an_upload_longer_than_the_total_is_not_ended_by_it(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(call.body()), under=b"/total/")
    with edge.client() as client:
        client.send(chunked_post(target))
        for _ in range(4):
            time.sleep(PERIOD / 2)
            client.send(chunk(b"x"))
        client.send(chunk(b""))
        assert client.answer().body == b"xxxx"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhalf",
    ],
    ids=["length", "chunked", "until close"],
)
def test_an_answer_that_stops_halfway_is_broken_off(edge: Stage, head: bytes) -> None:
    gone: list[float] = []

    def script(call: Call) -> None:
        call.send(head)
        gone.append(call.gone())

    target = edge.on(script, under=b"/idle/")
    with edge.client() as client:
        with clock() as waited:
            client.ask(target)
            assert client.head().status == 200
            assert client.end() is End.RESET
        assert waited.is_in_time, waited
    assert wait_until(lambda: bool(gone))


def test_an_answer_that_comes_slowly_but_steadily_is_passed_on_to_its_end(edge: Stage) -> None:
    """`idle` counts between two parts of the body, not from its beginning."""

    def script(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n")
        for _ in range(16):
            time.sleep(STEP)
            call.send(b"x")

    target = edge.on(script, under=b"/idle/")
    with edge.client() as client:
        assert client.get(target).body == b"x" * 16


def test_an_answer_waits_for_a_slow_reader_longer_than_for_a_slow_service(edge: Stage) -> None:
    text = bytes(12_000_000)
    target = edge.on(lambda call: call.answer(text), under=b"/idle/")
    with edge.client(receive_buffer=65536) as client:
        client.ask(target)
        time.sleep(PERIOD * 2)
        assert client.answer().body == text


def test_a_tunnel_that_nobody_uses_is_closed(edge: Stage) -> None:
    gone: list[float] = []
    target = edge.on(_switch_then(lambda call: gone.append(call.gone())), under=b"/tunnel-idle/")
    with edge.client() as client:
        with clock() as waited:
            _switch(client, target)
            assert client.end() is not End.OPEN
        assert waited.is_in_time, waited
    assert wait_until(lambda: bool(gone))


def test_a_tunnel_in_use_stays_open(edge: Stage) -> None:
    def echo(call: Call) -> None:
        for _ in range(16):
            call.send(call.read_exactly(1))
        call.gone()

    target = edge.on(_switch_then(echo), under=b"/tunnel-idle/")
    with edge.client() as client:
        _switch(client, target)
        for _ in range(16):
            time.sleep(STEP)
            client.send(b"x")
            assert client.read_exactly(1) == b"x"


def test_a_tunnel_that_was_held_back_and_then_falls_idle_is_closed(tmp_path: Path) -> None:
    """The clock of the tunnel runs again when the slow side has caught up.

    Of many sizes, some end just where the client was waited for.
    """
    sizes = range(100_000, 1_000_000, 50_000)

    def flood(call: Call) -> None:
        call.send(bytes(int(call.head.value(b"x-size") or b"0")))
        call.gone()

    short = {
        "path": "/short/{rest:path}",
        "timeouts": {"tunnel_idle": "600ms"},
        "safety": {"mode": "off", "reason": "bytes, and no words"},
    }
    door = tmp_path / "door"
    with (
        scripted() as upstream,
        stage(tmp_path, short, upstream=upstream, listen=f"unix:{door}") as one,
        ExitStack() as open_ones,
    ):
        target = one.on(_switch_then(flood), under=b"/short/")
        clients = [open_ones.enter_context(Client(door)) for _ in sizes]
        for client, size in zip(clients, sizes, strict=True):
            _switch(client, target, [(b"X-Size", b"%d" % size)])
        time.sleep(0.3)
        for client, size in zip(clients, sizes, strict=True):
            client.read_exactly(size)
        with clock() as waited:
            ends = [client.end() for client in clients]
    assert End.OPEN not in ends
    assert waited.seconds < LATEST


def _switch(client: Client, target: bytes, fields: Iterable[Field] = ()) -> None:
    upgrade = [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
    client.ask(target, fields=[*upgrade, *fields])
    assert client.answer().status == 101


def _switch_then(script: Callable[[Call], None]) -> Callable[[Call], None]:
    def switched(call: Call) -> None:
        call.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        call.is_over = True
        script(call)

    return switched
