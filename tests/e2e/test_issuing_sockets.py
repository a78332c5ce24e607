"""Sockets that a token of the gateway's own has opened: they end with it, within a second."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.helpers.clients import PATIENCE
from tests.helpers.issuing_gateway import AUTH, Answer, Issuing, issuing

pytestmark = pytest.mark.e2e

SOON: Final = 1.0


def _echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    """A gateway with a route to an echo of WebSockets."""
    folder: Path = tmp_path_factory.mktemp("sockets")
    with serve(_echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        route = {"path": "/socket", "auth": "required", "service": "echo"}
        echo = {"echo": {"endpoints": [f"http://127.0.0.1:{port}"]}}
        with issuing(folder, route, beside=echo) as made:
            yield made
        server.shutdown()


@contextlib.contextmanager
def opened(one: Issuing, said: Answer) -> Iterator[ClientConnection]:
    """Open a socket with a token, and see that it is."""
    offered = [Subprotocol("bearer"), Subprotocol(said.told["access_token"])]
    url = f"ws://127.0.0.1:{one.stage.port}/socket"
    with connect(url, subprotocols=offered, open_timeout=PATIENCE) as socket:
        socket.send("hello")
        assert socket.recv(PATIENCE) == "hello"
        yield socket


def code_of(socket: ClientConnection) -> int:
    """The code with which a socket is closed, within a second from now."""
    began = time.monotonic()
    with pytest.raises(ConnectionClosed) as raised:
        socket.recv(PATIENCE)
    assert time.monotonic() - began < SOON
    close = raised.value.rcvd
    assert close is not None
    return close.code


def test_a_logout_ends_the_sockets_of_its_session_and_no_others(one: Issuing) -> None:
    one.user("ada")
    here, there = one.login("ada"), one.login("ada")
    with opened(one, here) as first, opened(one, here) as second, opened(one, there) as other:
        one.ask("POST", f"{AUTH}/logout", {}, token=here.told["access_token"])
        assert [code_of(socket) for socket in (first, second)] == [1008] * 2
        other.send("still here")
        assert other.recv(PATIENCE) == "still here"


def test_whoever_is_disabled_has_no_socket_any_more(one: Issuing) -> None:
    one.user("eve")
    with opened(one, one.login("eve")) as socket:
        one.administer("POST", "/users/eve/disable")
        assert code_of(socket) == 1008


def test_a_change_of_roles_has_sockets_come_back_with_another_token(one: Issuing) -> None:
    one.user("tom")
    said = one.login("tom")
    with opened(one, said) as socket:
        one.administer("POST", "/users/tom/roles", {"grant": ["therapist"]})
        assert code_of(socket) == 3000
    with opened(one, one.refresh(said.told["refresh_token"])):
        pass


def test_where_a_key_is_in_other_hands_all_sockets_come_back_with_another_token(
    one: Issuing,
) -> None:
    """Red without the revocation of everybody in features/identity/sql_keys.py."""
    one.user("kim")
    said = one.login("kim")
    with opened(one, said) as socket:
        one.administer("POST", "/keys/rotate", {"now": True})
        assert code_of(socket) == 3000
    with opened(one, one.refresh(said.told["refresh_token"])):
        pass
