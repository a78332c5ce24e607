"""Who cares for whom, and broken glass: with real processes, from an operator's word to a worker's.

Who may what is tests/e2e/test_access.py; here it is who is told when.
"""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import free_port
from tests.helpers.slow import children, wait_until, workers_of

pytestmark = pytest.mark.e2e

SECRET: Final = "a secret of the clinic and of nobody else"
PROGRESS: Final = "/players/p1/progress"
GLASS: Final = "/api/v1/access/glass"
TIE: Final = {"carer": "t1", "person": "p1"}
WHY: Final = "they have said goodbye to everybody"


@dataclass(frozen=True, slots=True)
class House:
    """A gateway with two workers, its operator and its clinicians."""

    stage: Stage
    admin: Admin
    port: int

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        token: str,
        port: int = 0,
    ) -> tuple[int, dict[str, Any]]:
        """Ask on a connection of its own; return the status and what JSON there is."""
        fields = {"authorization": f"Bearer {token}"}
        if body is not None:
            fields["content-type"] = "application/json"
        sent = None if body is None else json.dumps(body)
        connection = http.client.HTTPConnection(
            "127.0.0.1", port or self.stage.port, timeout=PATIENCE
        )
        try:
            connection.request(method, path, sent, fields)
            answer = connection.getresponse()
            said = answer.read()
            return answer.status, json.loads(said) if said[:1] == b"{" else {}
        finally:
            connection.close()

    def administer(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Ask as an operator."""
        return self.ask(method, f"/admin/v1{path}", body, token=self.admin.token(), port=self.port)

    def sees(self, subject: str = "t1", role: str = "therapist") -> set[int]:
        """What several new connections, and so all workers, hear who ask for p1's progress."""
        token = a_token(subject, role)
        return {self.ask("GET", PROGRESS, token=token)[0] for _ in range(12)}

    def becomes(self, status: int) -> float:
        """Wait until every worker says this; return how long that took."""
        begun = time.monotonic()
        assert wait_until(lambda: self.sees() == {status}, 5.0)
        return time.monotonic() - begun


def a_token(subject: str, role: str) -> str:
    told = {"sub": subject, "role": role, "exp": int(time.time()) + 600}
    return jwt.encode({"alg": "HS256"}, told, OctKey.import_key(SECRET))


@contextmanager
def echo() -> Iterator[int]:
    """A service of WebSockets that says what it hears; its port."""
    with serve(_say_again, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1]
        server.shutdown()


def _say_again(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


@contextmanager
def clinic(folder: Path) -> Iterator[House]:
    """Run it."""
    folder.mkdir(exist_ok=True)
    secret, port = folder / "secret", free_port()
    secret.write_text(SECRET)
    issuer: dict[str, object] = {
        "name": "clinic",
        "secret": {"file": str(secret)},
        "own_subjects": True,
        "roles": ["player", "therapist", "admin", "clinical_supervisor"],
    }
    route: dict[str, object] = {
        "path": "/players/{player_id}/progress",
        "auth": "required",
        "access": {"permission": "progress:read", "owner": "player_id", "content": "clinical"},
    }
    with (
        scripted() as upstream,
        echo() as port_of_echo,
        stage(
            folder,
            route,
            {**route, "path": "/watch/{player_id}", "service": "echo"},
            upstream=upstream,
            services={
                "up": {"endpoints": [upstream.url]},
                "echo": {"endpoints": [f"http://127.0.0.1:{port_of_echo}"]},
            },
            identity={"issuers": [issuer]},
            admin=f"127.0.0.1:{port}",
            workers=2,
        ) as running,
    ):
        made = House(running, Admin(port, folder / "state"), port)
        assert wait_until(lambda: made.administer("GET", "/care")[0] == 200, 20.0)
        yield made


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with clinic(tmp_path / "a") as made:
        yield made


def test_whoever_cares_for_somebody_sees_what_is_theirs_as_long_as_that_lasts(
    house: House,
) -> None:
    """Red without the section put in features/access/service.py."""
    assert house.sees() == {404}
    status, made = house.administer("POST", "/care", {**TIE, "days": 1})
    assert (status, made["granted_by"]) == (201, "admin")
    took = house.becomes(200)
    assert took < 1.0
    assert house.sees("t2") == {404}
    assert house.sees("a1", "admin") == {403}
    assert house.administer("POST", "/care/end", TIE)[0] == 204
    assert house.becomes(404) < 1.0


def test_a_socket_ends_with_the_care_that_opened_it(house: House) -> None:
    """Red without `circle.tick()` in node/assemble_worker.py."""
    house.administer("POST", "/care", {**TIE, "days": 1})
    house.becomes(200)
    for subject, role, ends in (("t1", "therapist", True), ("p1", "player", False)):
        shown = {"Authorization": f"Bearer {a_token(subject, role)}"}
        url = f"ws://127.0.0.1:{house.stage.port}/watch/p1"
        with connect(url, additional_headers=shown, open_timeout=PATIENCE) as socket:
            socket.send("hello")
            assert socket.recv(PATIENCE) == "hello"
            if not ends:
                assert house.administer("POST", "/care", {**TIE, "days": 1})[0] == 201
                house.becomes(200)
            assert house.administer("POST", "/care/end", TIE)[0] == 204
            begun = time.monotonic()
            if ends:
                with pytest.raises(ConnectionClosed) as caught:
                    socket.recv(PATIENCE)
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1008
                assert time.monotonic() - begun < 1.0
            else:
                house.becomes(404)
                socket.send("still here")
                assert socket.recv(PATIENCE) == "still here"


def test_glass_is_broken_for_a_reason_and_a_while_and_each_use_is_told(house: House) -> None:
    token = a_token("t1", "therapist")
    status, problem = house.ask("POST", GLASS, {"person": "p1", "reason": "hm"}, token=token)
    assert (status, problem["code"]) == (422, "request_invalid")
    for subject, role in (("p2", "player"), ("a1", "admin")):
        body = {"person": "p1", "reason": WHY}
        status, problem = house.ask("POST", GLASS, body, token=a_token(subject, role))
        assert (status, problem["code"]) == (403, "access_permission_missing")
    assert house.sees() == {404}
    open_it: dict[str, object] = {"person": "p1", "reason": WHY, "minutes": 10}
    status, glass = house.ask("POST", GLASS, open_it, token=token)
    assert (status, glass["carer"], glass["person"]) == (201, "t1", "p1")
    house.becomes(200)
    assert house.sees("t2") == {404}
    log = house.stage.gateway.log
    assert wait_until(lambda: '"event":"glass_opened"' in log.read_text())
    assert wait_until(lambda: log.read_text().count('"event":"glass_used"') >= 12)
    (shown,) = house.administer("GET", "/glass")[1]["glass"]
    assert (shown["id"], shown["reason"]) == (glass["id"], WHY)
    assert house.ask("DELETE", f"{GLASS}/{glass['id']}", token=token)[0] == 204
    house.becomes(404)


def test_what_is_known_outlives_control_and_workers_and_a_start(tmp_path: Path) -> None:
    with clinic(tmp_path / "a") as house:
        house.administer("POST", "/care", {**TIE, "days": 1})
        house.becomes(200)
        supervisor = house.stage.gateway.process.pid
        (control,) = [
            pid
            for pid in children(supervisor)
            if b"control_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(control, signal.SIGSTOP)
        try:
            assert house.sees() == {200}
            before = set(workers_of(supervisor))
            for pid in before:
                os.kill(pid, signal.SIGKILL)  # those that follow know it from the supervisor
            assert wait_until(lambda: len(set(workers_of(supervisor)) - before) == 2, 10.0)
            assert wait_until(lambda: _sees(house) == {200}, 10.0)
        finally:
            os.kill(control, signal.SIGKILL)
        assert wait_until(lambda: house.administer("GET", "/care")[0] == 200, 20.0)
        assert house.administer("POST", "/care/end", TIE)[0] == 204
        house.becomes(404)
        house.administer("POST", "/care", {**TIE, "days": 1})
    with clinic(tmp_path / "a") as again:
        again.becomes(200)


def _sees(house: House) -> set[int]:
    """What is heard, also while nobody may be there yet."""
    try:
        return house.sees()
    except (OSError, http.client.HTTPException):
        return set()
