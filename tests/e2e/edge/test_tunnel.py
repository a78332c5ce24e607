"""A connection that changes its protocol becomes a tunnel: bytes both ways, ends included."""

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.e2e.edge.stage import Stage, scripted, stage, unheard
from tests.helpers.clients import PATIENCE, Client, Stream, post_of
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call, Script, ScriptedUpstream
from tests.helpers.slow import fill, resident, wait_until

pytestmark = pytest.mark.e2e

MIB = 1 << 20
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
UPGRADE = [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
CHAT = Subprotocol("chat")


@pytest.fixture(scope="module")
def edge(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway whose tunnels are those of these tests."""
    special = (
        {"path": "/tunnel-idle/{rest:path}", "timeouts": {"tunnel_idle": "600ms"}},
        {"path": "/no-upgrade/{rest:path}", "upgrade": "off"},
    )
    path = tmp_path_factory.mktemp("tunnels")
    with stage(path, upstream=upstream, routes=unheard(*special)) as running:
        yield running


def switch_then(script: Callable[[Call], None]) -> Script:
    """A script that changes the protocol first."""

    def switched(call: Call) -> None:
        call.send(SWITCHED + b"\r\n")
        call.is_over = True
        script(call)

    return switched


def switch(client: Client, target: bytes) -> None:
    """Ask to change the protocol, and expect it."""
    client.ask(target, fields=UPGRADE)
    answer = client.answer()
    assert (answer.status, answer.value(b"upgrade")) == (101, b"websocket")
    assert (answer.value(b"connection") or b"").lower() == b"upgrade"


# --- WebSocket ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def websocket_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an echo server is reached through a gateway."""
    path = tmp_path_factory.mktemp("websocket")
    with serve(_echo, "127.0.0.1", 0, subprotocols=[CHAT], max_size=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        services = {"up": {"endpoints": [f"http://127.0.0.1:{port}"]}}
        with (
            scripted() as unused,
            stage(path, upstream=unused, services=services, routes=unheard()) as running,
        ):
            yield f"ws://127.0.0.1:{running.port}/chat?token=secret"
        server.shutdown()


def _echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


def _connected(url: str) -> contextlib.AbstractContextManager[ClientConnection]:
    return connect(url, subprotocols=[CHAT], max_size=None, open_timeout=PATIENCE)


def test_a_websocket_echoes_through_the_gateway(websocket_url: str) -> None:
    with _connected(websocket_url) as socket:
        for message in ("hello", "Größe", b"\0\xff", "x" * 100_000):
            socket.send(message)
            assert socket.recv(PATIENCE) == message
        assert socket.subprotocol == "chat"


def test_a_websocket_is_closed_with_its_code(websocket_url: str) -> None:
    with _connected(websocket_url) as socket:
        socket.close(4001, "enough")
        assert (socket.close_code, socket.close_reason) == (4001, "enough")


def test_a_websocket_answers_pings_and_takes_large_messages(websocket_url: str) -> None:
    message = bytes(range(256)) * 4096 * 4
    with _connected(websocket_url) as socket:
        assert socket.ping().wait(PATIENCE)
        socket.send(message)
        assert socket.recv(PATIENCE) == message


def test_many_websockets_at_once_get_each_their_own(websocket_url: str) -> None:
    with contextlib.ExitStack() as sockets:
        opened = [sockets.enter_context(_connected(websocket_url)) for _ in range(20)]
        for number, socket in enumerate(opened):
            socket.send(f"message {number}")
        answers = [socket.recv(PATIENCE) for socket in opened]
    assert answers == [f"message {number}" for number in range(20)]


# --- bytes --------------------------------------------------------------------------------------


def test_bytes_sent_with_the_request_and_with_the_answer_are_not_lost(edge: Stage) -> None:
    def script(call: Call) -> None:
        call.send(SWITCHED + b"\r\nfrom the service")
        call.is_over = True
        call.send(b" and " + call.read_exactly(15))
        call.gone()

    target = edge.on(script)
    with edge.client() as client:
        client.ask(target, fields=UPGRADE)
        client.send(b"from the client")
        assert client.answer().status == 101
        assert client.read_exactly(36) == b"from the service and from the client"


def test_a_service_that_does_not_read_holds_back_the_client(edge: Stage) -> None:
    go_on = threading.Event()
    got: list[str] = []
    data = bytes(range(256)) * 4096

    def script(call: Call) -> None:
        assert go_on.wait(PATIENCE)
        digest = hashlib.sha256()
        while part := call.read_some():
            digest.update(part)
        got.append(digest.hexdigest())
        call.finish()

    target = edge.on(switch_then(script))
    before = resident(edge.worker)
    with edge.client() as client:
        switch(client, target)
        took = fill(client.sock, most=64 * MIB, piece=data)
        rise = resident(edge.worker) - before
        go_on.set()
        client.send(data[took % len(data) :])
        client.half_close()
        assert client.end() is End.CLOSED
    pieces = took // len(data) + 1
    assert took < 24 * MIB
    assert rise < 2 * MIB
    assert got == [hashlib.sha256(data * pieces).hexdigest()]


def _answer_first_and_read_later(
    call: Call, *, release: threading.Event, go_on: threading.Event, got: list[int]
) -> None:
    time.sleep(0.3)  # until the gateway has all of it, and may use the connection again
    call.answer()
    assert release.wait(PATIENCE)
    call.send(SWITCHED + b"\r\n")
    call.is_over = True
    assert go_on.wait(PATIENCE)
    call.body()
    call.read_until(b"\r\n\r\n")
    got.append(len(call.read_to_end()))
    call.finish()


def test_what_was_sent_before_the_change_is_held_back_too(tmp_path: Path) -> None:
    """It fills the connection in one go, before the two sides know of each other."""
    release, go_on = threading.Event(), threading.Event()
    got: list[int] = []
    script = partial(_answer_first_and_read_later, release=release, go_on=go_on, got=got)
    with (
        scripted(unix=tmp_path / "up") as upstream,
        stage(tmp_path, upstream=upstream, routes=unheard()) as one,
        one.client() as first,
        one.client() as second,
    ):
        before = resident(one.worker)
        first.send(post_of(one.on(script), bytes(250_000)))
        assert first.answer().status == 200
        second.ask(b"/", fields=UPGRADE)
        second.send(bytes(60_000))
        took = 60_000 + fill(second.sock, most=64 * MIB)
        release.set()
        assert second.answer().status == 101
        took += fill(second.sock, most=64 * MIB)
        rise = resident(one.worker) - before
        go_on.set()
        second.half_close()
        assert second.end() is End.CLOSED
    assert took < 24 * MIB
    assert rise < 3 * MIB
    assert got == [took]


def test_a_client_that_does_not_read_holds_back_the_service(edge: Stage) -> None:
    took: list[int] = []
    data = bytes(range(256)) * 256

    def script(call: Call) -> None:
        took.append(fill(call.sock, most=64 * MIB, piece=data))
        call.send(data[took[0] % len(data) :])
        call.half_close()
        call.gone()

    target = edge.on(switch_then(script))
    before = resident(edge.worker)
    with edge.client(receive_buffer=65536) as client:
        switch(client, target)
        assert wait_until(lambda: bool(took))
        rise = resident(edge.worker) - before
        text = client.read_to_end()
    assert took[0] < 24 * MIB
    assert rise < 2 * MIB
    assert text == data * (took[0] // len(data) + 1)


def test_eight_megabytes_cross_each_way_at_once_however_slowly_they_are_read(edge: Stage) -> None:
    data = bytes(range(256)) * 32768
    got: list[bytes] = []

    def script(call: Call) -> None:
        sender = threading.Thread(target=_send_all, args=(call, data))
        sender.start()
        got.append(_slowly(call, len(data)))
        sender.join()
        call.finish()

    target = edge.on(switch_then(script))
    with edge.client(receive_buffer=16384) as client:
        switch(client, target)
        sender = threading.Thread(target=_send_all, args=(client, data))
        sender.start()
        text = _slowly(client, len(data))
        sender.join()
    assert text == data
    assert wait_until(lambda: bool(got))
    assert got[0] == data


# --- ends ---------------------------------------------------------------------------------------


def test_the_client_may_close_its_half_first_and_hear_the_rest(edge: Stage) -> None:
    def script(call: Call) -> None:
        asked = call.read_to_end()
        call.send(b"heard " + asked)
        call.finish()

    target = edge.on(switch_then(script))
    with edge.client() as client:
        switch(client, target)
        client.send(b"the question")
        client.half_close()
        assert client.read_to_end() == b"heard the question"


def test_the_service_may_close_its_half_first_and_hear_the_rest(edge: Stage) -> None:
    got: list[bytes] = []

    def script(call: Call) -> None:
        call.send(b"that is all")
        call.half_close()
        got.append(call.read_to_end())

    target = edge.on(switch_then(script))
    with edge.client() as client:
        switch(client, target)
        assert client.read_to_end() == b"that is all"
        client.send(b"the rest")
        client.close()
        assert wait_until(lambda: bool(got))
    assert got == [b"the rest"]


@pytest.mark.parametrize("first", ["client", "service"])
def test_nothing_is_lost_when_both_halves_close_before_a_slow_service_has_read(
    tmp_path: Path, first: str
) -> None:
    """Of many sizes, the gateway holds the end of some when the client has closed."""
    sizes = range(100_000, 700_000, 30_000)
    go_on = threading.Event()
    got: list[int] = []

    def script(call: Call) -> None:
        if first == "service":
            call.half_close()
        assert go_on.wait(PATIENCE)
        if first == "client":
            call.half_close()
            time.sleep(0.1)
        got.append(len(call.read_to_end()))

    with (
        scripted(unix=tmp_path / "up") as upstream,
        stage(tmp_path, upstream=upstream, routes=unheard()) as one,
        contextlib.ExitStack() as open_ones,
    ):
        target = one.on(switch_then(script))
        for size in sizes:
            client = open_ones.enter_context(one.client())
            switch(client, target)
            time.sleep(0.01)
            client.send(bytes(size))
            client.half_close()
        time.sleep(0.2)
        go_on.set()
        assert wait_until(lambda: len(got) == len(sizes))
    assert sorted(got) == list(sizes)


def _slowly(stream: Stream, size: int) -> bytes:
    """Read to the end in sips, so that the gateway holds some meanwhile."""
    parts = []
    for _ in range(size // 65536):
        parts.append(stream.read_exactly(65536))
        time.sleep(0.004)
    return b"".join(parts) + stream.read_to_end()


def _send_all(stream: Stream, data: bytes) -> None:
    stream.send(data)
    stream.half_close()


def test_a_client_that_breaks_off_breaks_off_the_service(edge: Stage) -> None:
    gone = threading.Event()

    def script(call: Call) -> None:
        call.gone()
        gone.set()

    target = edge.on(switch_then(script))
    client = edge.client()
    switch(client, target)
    client.reset()
    assert gone.wait(1.0)


def test_a_service_that_breaks_off_in_the_middle_of_a_frame_breaks_off_the_client(
    edge: Stage,
) -> None:
    def script(call: Call) -> None:
        call.send(b"\x82\x05he")
        assert call.read_exactly(2) == b"go"  # else the reset could overtake what was sent
        call.break_off()

    target = edge.on(switch_then(script))
    with edge.client() as client:
        switch(client, target)
        assert client.read_exactly(4) == b"\x82\x05he"
        client.send(b"go")
        assert client.end() is End.RESET


@pytest.mark.parametrize("end", [Call.break_off, Call.finish])
def test_a_service_that_ends_between_two_frames_is_excused(
    edge: Stage, end: Callable[[Call], None]
) -> None:
    target = edge.on(switch_then(end))
    with edge.client() as client:
        switch(client, target)
        assert client.read_to_end()[:4] == b"\x88\x25\x03\xf4"  # a Close: 1012


def test_a_tunnel_leaves_one_line_in_the_log_when_it_is_over(edge: Stage) -> None:
    release = threading.Event()

    def script(call: Call) -> None:
        call.send(call.read_exactly(5) * 2)
        assert release.wait(PATIENCE)
        call.finish()

    target = edge.on(switch_then(script))
    with edge.client() as client:
        switch(client, target)
        client.send(b"hello")
        assert client.read_exactly(10) == b"hellohello"
        assert edge.lines(target, patience=0.5) == []
        release.set()
        assert client.end() is not End.OPEN
    (line,) = edge.lines(target)
    assert (line["status"], line["sent"]) == (101, 10)


# --- no tunnel ----------------------------------------------------------------------------------


def test_a_service_may_refuse_the_change_and_the_connection_serves_on(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(b"no", status=403))
    with edge.client() as client:
        for _ in range(3):
            client.ask(target, fields=UPGRADE)
            answer = client.answer()
            assert (answer.status, answer.body) == (403, b"no")
            assert client.get(b"/").body == b"plain"


@pytest.mark.parametrize(
    ("under", "protocol"), [(b"/", b"h2c"), (b"/no-upgrade/", b"websocket"), (b"/", b"chat")]
)
def test_a_change_that_the_route_does_not_allow_is_not_asked_for(
    edge: Stage, under: bytes, protocol: bytes
) -> None:
    got: list[list[bytes]] = []

    def script(call: Call) -> None:
        got.append([name for name, _ in call.head.fields])
        call.answer(b"as usual")

    target = edge.on(script, under=under)
    fields = [
        (b"Connection", b"Upgrade, HTTP2-Settings"),
        (b"Upgrade", protocol),
        (b"HTTP2-Settings", b"AAMAAABkAARAAAAAAAIAAAAA"),
    ]
    with edge.client() as client:
        assert client.get(target, fields=fields).body == b"as usual"
        assert client.get(b"/").body == b"plain"
    assert not {b"upgrade", b"connection", b"http2-settings"} & set(got[0])


@pytest.mark.parametrize("fields", [[], [(b"Connection", b"Upgrade"), (b"Upgrade", b"h2c")]])
def test_a_change_that_nobody_asked_for_leads_nowhere(
    edge: Stage, fields: list[tuple[bytes, bytes]]
) -> None:
    """A service that changes all the same would let its bytes past every rule."""
    target = edge.on(switch_then(_wait))
    with edge.client() as client:
        answer = client.get(target, fields=fields)
        assert answer.status == 502
        assert client.get(b"/").body == b"plain"


def _wait(call: Call) -> None:
    call.gone()
