"""Whose something is, asked of its service before a request goes there: with real processes."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import free_port
from tests.helpers.issuing_gateway import Answer, Issuing, issuing
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until, workers_of

pytestmark = pytest.mark.e2e

KEPT: Final = 1.0  # seconds
HIDDEN: Final = (404, "access_not_there")
UNTOLD: Final = (503, "access_owner_untold")
MINE, THEIRS, MISSING = "mine", "theirs", "missing"


@dataclass(slots=True)
class House:
    """The gateway, its service, and who calls: ada, whose `mine` is."""

    gateway: Issuing
    ada: str = ""
    token: str = ""
    asked: list[bytes] = field(default_factory=list)
    said: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    hangs: threading.Event = field(default_factory=threading.Event)

    def owners(self, call: Call) -> None:
        """Tell whose something is, as the test says."""
        call.body()
        name = call.head.target.rpartition(b"/")[2].decode()
        self.asked.append(call.head.target)
        assert call.head.value(b"authorization") == b"Bearer " + self.token.encode()
        if self.hangs.is_set():
            call.gone()
            return
        status, body = self.said.get(name, (404, b'{"detail": "no such thing"}'))
        call.answer(body, status=status, fields=[(b"Content-Type", b"application/json")])

    def ask(self, name: str, method: str = "GET", path: str = "things", **body: object) -> Answer:
        sent = body or None
        return self.gateway.ask(method, f"/{path}/{name}/more", sent, token=self.token)

    def heard(self, name: str, path: str = "things") -> tuple[int, str]:
        answer = self.ask(name, path=path)
        return answer.status, answer.code

    def forgotten(self) -> None:
        """Wait until no worker goes by what it was told."""
        time.sleep(KEPT + 0.1)


def _shown(call: Call) -> None:
    """Answer with how much has been sent."""
    body = json.dumps({"sent": len(call.body())}).encode()
    call.answer(body, fields=[(b"Content-Type", b"application/json")])


def _echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


def _told(socket: ServerConnection, request: Request) -> Response | None:
    """Say whose a socket is to who asks for no socket."""
    if "upgrade" in request.headers:
        return None
    is_theirs = request.path == f"/{MINE}"
    return socket.respond(HTTPStatus.OK if is_theirs else HTTPStatus.FORBIDDEN, "")


def _whose(path: str, there: str, **more: object) -> dict[str, object]:
    asked = {"path": there, "keep": f"{KEPT:g}s", **more}
    access = {"permissions": {"GET": "sessions:read", "default": "sessions:write"}}
    return {"path": path, "auth": "required", "access": {**access, "owner_from": asked}}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with serve(_echo, "127.0.0.1", 0, process_request=_told) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        echo = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        routes = (
            {
                **_whose("/things/{id}/{rest:path}", "/owners/{id}", field="owner"),
                "timeouts": {"total": "1s"},
            },
            {**_whose("/plain/{id}/{rest:path}", "/owners/{id}"), "timeouts": {"total": "1s"}},
            {**_whose("/gone/{id}/{rest:path}", "/owners/{id}"), "service": "gone"},
            {**_whose("/echo/{id}/{rest:path}", "/{id}"), "service": "echo"},
        )
        beside = {
            "gone": {"endpoints": [f"http://127.0.0.1:{free_port()}"]},
            "echo": {"endpoints": [echo]},
        }
        with issuing(tmp_path_factory.mktemp("owners"), *routes, beside=beside) as gateway:
            made = House(gateway)
            made.ada = str(gateway.user("ada").told["id"])
            made.token = str(gateway.login("ada").told["access_token"])
            upstream = gateway.stage.upstream
            for name in (MINE, THEIRS, MISSING):
                upstream.answers(f"/owners/{name}".encode(), made.owners)
                for path in ("things", "plain"):
                    upstream.answers(f"/{path}/{name}/more".encode(), _shown)
            yield made
        server.shutdown()


@pytest.fixture(autouse=True)
def _as_it_was(house: House) -> None:
    house.forgotten()
    house.hangs.clear()
    house.asked.clear()
    house.said = {
        MINE: (200, json.dumps({"owner": house.ada}).encode()),
        THEIRS: (200, b'{"owner": "somebody else"}'),
    }


def test_what_is_ones_own_is_and_all_else_is_not_there(house: House) -> None:
    assert house.ask(MINE).status == 200
    of_another, of_nobody = house.ask(THEIRS), house.ask(MISSING)
    assert (of_another.status, of_another.code) == (of_nobody.status, of_nobody.code) == HIDDEN
    of_another.told.pop("correlation_id")
    of_nobody.told.pop("correlation_id")
    assert of_another.told == of_nobody.told
    hidden = [of_another.fields, of_nobody.fields]
    assert hidden[0].keys() == hidden[1].keys()


def test_a_service_is_asked_once_in_a_while_by_each_worker(house: House) -> None:
    begun = time.monotonic()
    for _ in range(30):
        assert house.ask(MINE).status == 200
    looked = 2 * (1 + int((time.monotonic() - begun) / KEPT))
    assert 1 <= len(house.asked) <= looked
    house.forgotten()
    house.said[MINE] = (403, b"{}")
    assert house.heard(MINE) == HIDDEN


def test_a_body_waits_for_the_answer_and_arrives_whole(house: House) -> None:
    answer = house.ask(MINE, "POST", text="x" * 300_000)
    assert (answer.status, answer.told["sent"] > 300_000) == (200, True)
    assert house.ask(THEIRS, "POST", text="x" * 300_000).status == 404


def test_nobody_is_let_in_while_the_service_cannot_say(house: House) -> None:
    """Red with `untold` letting through: whoever knows an id would be in again."""
    for status, body in ((500, b""), (503, b"{}"), (429, b""), (200, b"no json"), (200, b"{}")):
        house.said[MINE] = (status, body)
        answer = house.ask(MINE)
        assert ((answer.status, answer.code), answer.fields["retry-after"]) == (UNTOLD, "1")
    house.hangs.set()
    assert house.heard(MINE) == UNTOLD
    assert house.heard(MINE, "gone") == UNTOLD


def test_where_no_field_is_named_an_answer_is_enough(house: House) -> None:
    house.said = {MINE: (204, b""), THEIRS: (403, b"{}")}
    assert house.heard(MINE, "plain") == (200, "")
    assert house.heard(THEIRS, "plain") == house.heard(MISSING, "plain") == HIDDEN


def test_workers_that_have_begun_anew_ask_again(house: House) -> None:
    assert house.heard(MINE) == (200, "")
    gateway = house.gateway.stage.gateway.process.pid
    before = set(workers_of(gateway))
    house.asked.clear()
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def anew() -> bool:
        now = set(workers_of(gateway))
        return len(now) == 2 and not now & before

    assert wait_until(anew, PATIENCE)
    assert wait_until(lambda: _hears(house) == (200, ""), PATIENCE)
    assert house.asked
    assert house.heard(THEIRS) == HIDDEN


def _hears(house: House) -> tuple[int, str]:
    try:
        return house.heard(MINE)
    except OSError:
        return 0, ""


def test_a_web_socket_opens_once_its_owner_is_known(house: House) -> None:
    shown = {"Authorization": f"Bearer {house.token}"}
    url = f"ws://127.0.0.1:{house.gateway.stage.port}/echo"
    with connect(f"{url}/{MINE}/chat", additional_headers=shown) as socket:
        socket.send("hello")
        assert socket.recv(PATIENCE) == "hello"
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"{url}/{THEIRS}/chat", additional_headers=shown),
    ):
        pass
    assert refused.value.response.status_code == 404


def test_who_is_asked_is_counted(house: House) -> None:
    house.ask(MINE)
    house.ask(THEIRS)
    house.said[MISSING] = (500, b"")
    house.ask(MISSING)
    told = house.gateway.admin.ask("/metrics")[2].decode()
    for result in ("told", "hidden", "away"):
        assert f'tta_gateway_access_owner_lookups_total{{result="{result}"}}' in told
