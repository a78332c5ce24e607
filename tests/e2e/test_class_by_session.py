"""A class by what is open at another worker, and look-ups that take up room: real processes."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.helpers.issuing_gateway import Issuing, issuing
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

WORKERS: Final = 3
OWNED: Final = {
    "path": "/things/{id}",
    "auth": "required",
    "access": {
        "permission": "sessions:read",
        "owner_from": {"path": "/owners/{id}", "field": "owner"},
    },
}


def _echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


def _said(call: Call) -> None:
    """Tell of which class it is asked."""
    said = {"class": (call.head.value(b"x-traffic-class") or b"").decode()}
    call.body()
    call.answer(json.dumps(said).encode(), fields=[(b"Content-Type", b"application/json")])


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    folder: Path = tmp_path_factory.mktemp("class")
    with serve(_echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        echo = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        routes = (
            {"path": "/talk", "service": "echo", "auth": "required"},
            {"path": "/settings", "auth": "required", "class": "standard"},
            OWNED,
        )
        beside = {"echo": {"endpoints": [echo]}}
        more = {"admission": {"enabled": True}, "ratelimit": {"own": "off"}}
        with issuing(folder, *routes, workers=WORKERS, beside=beside, **more) as made:
            for name in ("ada", "ben"):
                made.user(name)
            made.stage.upstream.answers(b"/settings", _said)
            yield made
        server.shutdown()


def classes(one: Issuing, token: str) -> set[str]:
    """The classes that so many workers say, each asked over a connection of its own."""
    asked = (one.ask("GET", "/settings", token=token) for _ in range(6 * WORKERS))
    return {str(answer.told["class"]) for answer in asked}


def test_who_is_in_a_session_at_one_worker_is_so_at_all(one: Issuing) -> None:
    """Red where `is_open` of features/admission/session.py looks at what is open here alone."""
    ada, ben = (str(one.login(name).told["access_token"]) for name in ("ada", "ben"))
    assert classes(one, ada) == {"standard"}
    shown = {"Authorization": f"Bearer {ada}"}
    with connect(f"ws://127.0.0.1:{one.stage.port}/talk", additional_headers=shown) as socket:
        socket.send("hello")
        assert socket.recv(5) == "hello"
        assert wait_until(lambda: classes(one, ada) == {"therapeutic"}, 3.0)
        assert classes(one, ben) == {"standard"}
    assert wait_until(lambda: classes(one, ada) == {"standard"}, 3.0)


def test_look_ups_are_let_in_as_requests_are(one: Issuing) -> None:
    """Red where the policies of a question have no gate (node/policies.py)."""
    asked: list[bytes] = []

    def owner(call: Call) -> None:
        asked.append(call.head.value(b"x-traffic-class") or b"")
        call.body()
        call.answer(b'{"owner": "nobody"}', fields=[(b"Content-Type", b"application/json")])

    for number in range(20):
        one.stage.upstream.answers(f"/owners/{number}".encode(), owner)
    token = str(one.login("ada").told["access_token"])
    before = let_in(one)
    with ThreadPoolExecutor(10) as pool:
        ask = lambda number: one.ask("GET", f"/things/{number}", token=token).status  # noqa: E731
        assert set(pool.map(ask, range(20))) == {404}
    assert len(asked) == 20
    assert wait_until(lambda: let_in(one) >= before + 20, 3.0)
    assert wait_until(lambda: in_flight(one) == 0, 5.0)


def let_in(one: Issuing) -> float:
    """How many were let in at once that are therapeutic, as the look-ups are."""
    name = "tta_gateway_admission_requests_total"
    return one.admin.samples().get((name, ("therapeutic", "at_once", "up")), 0.0)


def in_flight(one: Issuing) -> float:
    """How much room is taken at the service."""
    return one.admin.samples().get(("tta_gateway_admission_in_flight", ("up",)), 0.0)
