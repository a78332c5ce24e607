"""Sockets that outlive their connections do not outlive their session."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import free_port
from tests.helpers.issuing_gateway import AUTH, Answer, Issuing, issuing
from tests.helpers.slow import wait_until
from tta_gateway.features.identity.bound import OWN_ISSUER

pytestmark = pytest.mark.e2e


class Service:
    """An echo that knows which sockets are open."""

    def __init__(self) -> None:
        """Begin without one."""
        self.open: list[ServerConnection] = []

    def serve(self, socket: ServerConnection) -> None:
        """Talk to one."""
        self.open.append(socket)
        try:
            with contextlib.suppress(ConnectionClosed):
                for message in socket:
                    socket.send(message)
        finally:
            self.open.remove(socket)


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


@pytest.fixture(scope="module")
def gone() -> int:
    """The port of a service that comes and goes."""
    return free_port()


@contextlib.contextmanager
def serving(service: Service, port: int) -> Iterator[None]:
    """Have a service be there."""
    with serve(service.serve, "127.0.0.1", port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, service: Service, gone: int) -> Iterator[Issuing]:
    """A gateway with a tether to an echo of WebSockets."""
    folder: Path = tmp_path_factory.mktemp("tether-logout")
    with serve(service.serve, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        route = {"path": "/socket", "auth": "required", "service": "echo", "tether": {}}
        other = {**route, "path": "/gone", "service": "gone"}
        beside = {
            "echo": {"endpoints": [f"http://127.0.0.1:{port}"]},
            "gone": {"endpoints": [f"http://127.0.0.1:{gone}"]},
        }
        with issuing(folder, route, other, beside=beside) as made:
            yield made
        server.shutdown()


def opened(
    one: Issuing, said: Answer, query: str = "", path: str = "/socket"
) -> tuple[ClientConnection, dict[str, Any]]:
    """Open a socket with a token; return it, and what its first event says."""
    offered = [Subprotocol("bearer"), Subprotocol(said.told["access_token"])]
    url = f"ws://127.0.0.1:{one.stage.port}{path}{query}"
    socket = connect(url, subprotocols=offered, open_timeout=PATIENCE, proxy=None, legacy=True)
    told = json.loads(socket.recv(PATIENCE))
    return socket, told["content"]


def test_a_logout_ends_the_clients_socket_and_the_services(one: Issuing, service: Service) -> None:
    one.user("ada")
    said = one.login("ada")
    socket, _ = opened(one, said)
    socket.send("hello")
    assert socket.recv(PATIENCE) == "hello"
    one.ask("POST", f"{AUTH}/logout", {}, token=said.told["access_token"])
    with pytest.raises(ConnectionClosed) as raised:
        socket.recv(PATIENCE)
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1008
    assert wait_until(lambda: not service.open)


def test_a_logout_ends_what_is_kept_for_a_client_that_is_away(
    one: Issuing, service: Service
) -> None:
    one.user("eve")
    said, again = one.login("eve"), one.login("eve")
    socket, told = opened(one, said)
    socket.send("hello")
    assert socket.recv(PATIENCE) == "hello"
    socket.socket.shutdown(2)
    time.sleep(0.3)
    assert len(service.open) == 1
    one.ask("POST", f"{AUTH}/logout", {}, token=said.told["access_token"])
    assert wait_until(lambda: not service.open)
    back, fresh = opened(one, again, f"?resume={told['resume']}&received=0")
    assert fresh["resumed"] is False
    back.close()


def test_a_logout_ends_what_is_kept_while_both_sides_are_away(
    one: Issuing, service: Service, gone: int
) -> None:
    """Red without `log_out` in features/tether/sockets.py: nothing is open that would end."""
    one.user("kim")
    said, again = one.login("kim"), one.login("kim")
    with serving(service, gone):
        socket, told = opened(one, said, path="/gone")
        socket.send("hello")
        assert socket.recv(PATIENCE) == "hello"
    assert json.loads(socket.recv(PATIENCE))["content"]["status"] == "service_away"
    socket.socket.shutdown(2)
    one.ask("POST", f"{AUTH}/logout", {}, token=said.told["access_token"])
    assert wait_until(
        lambda: one.is_known_everywhere(said.told["access_token"], (401, "identity_token_revoked"))
    )
    with serving(service, gone):
        back, fresh = opened(one, again, f"?resume={told['resume']}&received=0", "/gone")
        assert fresh["resumed"] is False
        back.close()


def test_an_erasure_ends_both_and_may_be_followed_by_another_beginning(
    one: Issuing, service: Service
) -> None:
    """Red without `erase` in features/tether/sockets.py."""
    one.user("ann")
    said, again = one.login("ann"), one.login("ann")
    there, _ = opened(one, said)
    away, told = opened(one, again)
    for socket in (there, away):
        socket.send("hello")
        assert socket.recv(PATIENCE) == "hello"
    away.socket.shutdown(2)
    time.sleep(0.3)
    assert len(service.open) == 2
    claims = one.claims(said.told["access_token"])
    body = {"person": f"{OWN_ISSUER}/{claims['sub']}", "reason": "asked for by her"}
    erased = one.administer("POST", "/erasures", body)
    assert (erased.status, erased.told["here"]) == (201, True)
    with pytest.raises(ConnectionClosed) as raised:
        there.recv(PATIENCE)
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1001
    assert wait_until(lambda: not service.open)
    back, fresh = opened(one, again, f"?resume={told['resume']}&received=0")
    assert fresh["resumed"] is False
    back.close()
