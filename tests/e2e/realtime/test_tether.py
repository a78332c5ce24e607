"""Sockets that outlive their connections: two endpoints as processes, and clients of a library.

One gateway serves all of this.  Endpoints are killed and clients' connections cut; what is said
before, meanwhile and behind must come once, in order, and to nobody else.
"""

import contextlib
import json
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.helpers.gateway import Gateway, free_port, start_gateway

pytestmark = pytest.mark.e2e

SECRET: Final = "a secret of the platform as it is today"
PATIENCE: Final = 10.0
POLICY: Final = 1008
LATER: Final = 1013
Told = dict[str, Any]


def token_of(subject: str, *, lasts: float = 600.0, secret: str = SECRET) -> str:
    """An access token of the platform's."""
    claims = {"sub": subject, "exp": int(time.time() + lasts), "role": "player"}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


@dataclass
class House:
    """The gateway, and the endpoints behind it by their names."""

    gateway: Gateway
    ports: dict[str, int]
    running: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Have an endpoint, and wait until it serves."""
        command = [sys.executable, "-m", "tests.helpers.chat_service", str(self.ports[name]), name]
        made = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert made.stdout is not None
        assert made.stdout.readline() == "ready\n"
        self.running[name] = made

    def kill(self, name: str) -> None:
        """End an endpoint as `kill -9` does."""
        process = self.running.pop(name)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def connect(self, query: str, *, path: str = "/ws/chat") -> ClientConnection:
        """Open a socket."""
        url = f"ws://127.0.0.1:{self.gateway.port}{path}?{query}"
        return connect(url, proxy=None, open_timeout=PATIENCE, legacy=True)

    def join(self, query: str, *, subject: str = "p1") -> "Talk":
        """Open a socket, and have heard who it is."""
        talk = Talk(self.connect(f"token={token_of(subject)}&{query}"))
        talk.status = talk.event()
        return talk


@dataclass
class Talk:
    """A client's side."""

    socket: ClientConnection
    status: Told = field(default_factory=dict)

    def hear(self) -> str:
        """The next message."""
        message = self.socket.recv(PATIENCE)
        assert isinstance(message, str)
        return message

    def event(self) -> Told:
        """The next message, which is an event of the connection: what it says."""
        told = json.loads(self.hear())
        assert (told["type"], told["event_type"]) == ("event", "connection")
        content: Told = told["content"]
        return content

    def told(self) -> Told:
        """The next message, which is the service's."""
        made: Told = json.loads(self.hear())
        assert "from" in made, made
        return made

    def ask(self, text: str) -> Told:
        """Say something, and return what is said back."""
        self.socket.send(text)
        return self.told()

    def settle(self) -> None:
        """Wait until all Pings of the gateway have been answered that have been sent by now."""
        assert self.socket.ping().wait(PATIENCE)

    def rest(self) -> list[str]:
        """What had arrived and was not read yet, of a socket that was cut."""
        made: list[str] = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                made.append(self.hear())
        return made

    def cut(self) -> None:
        """Go without a word."""
        self.socket.socket.shutdown(sockets.SHUT_RDWR)

    def end(self) -> tuple[int, str]:
        """Read to the end; return its code and reason."""
        with pytest.raises(ConnectionClosed) as closed:
            self._read_on()
        told = closed.value.rcvd
        assert told is not None
        return told.code, told.reason

    def _read_on(self) -> None:
        while True:
            self.socket.recv(PATIENCE)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gateway for all of this."""
    folder = tmp_path_factory.mktemp("tether")
    (folder / "secret").write_text(SECRET)
    ports = {"a": free_port(), "b": free_port()}
    running = start_gateway(_config(folder, ports), folder)
    house = House(running, ports)
    try:
        yield house
    finally:
        running.stop()
        for name in list(house.running):
            house.kill(name)
    printed = running.log.read_text()
    assert [word for word in ("Traceback", "exchange_failed", "task_died") if word in printed] == []


@pytest.fixture
def house(gateway: House) -> House:
    """Both endpoints serve."""
    for name in gateway.ports:
        if name not in gateway.running:
            gateway.start(name)
    return gateway


def _config(folder: Path, ports: dict[str, int]) -> dict[str, object]:
    queried = {"token": "token", "subject": "player_id"}
    tether = {"resume": "5s", "reattach": "3s", "messages": 50}
    kept = {"service": "chat", "auth_query": queried, "tether": tether}
    return {
        "listen": "127.0.0.1:0",
        "state_dir": str(folder / "state"),
        "workers": 2,
        "identity": {
            "issuers": [
                {"name": "today", "secret": {"file": str(folder / "secret")}, "clock_skew": "1s"}
            ]
        },
        "services": {
            "chat": {
                "endpoints": [f"http://127.0.0.1:{port}" for port in ports.values()],
                "outliers": "off",
            }
        },
        "routes": [
            {"path": "/ws/chat", **kept},
            {"path": "/ws/first", **kept, "tether": {**tether, "first_message": "600ms"}},
            {
                "path": "/ws/therapists",
                **kept,
                "tether": {**tether, "first_message": "600ms"},
                "roles": ["therapist"],
            },
            {"path": "/ws/told", **kept, "socket": {"profile": "chat"}},
            {"path": "/ws/short", **kept, "tether": {**tether, "reattach": "500ms"}},
        ],
    }


def test_a_socket_is_told_by_what_to_come_back(house: House) -> None:
    talk = house.join("session_id=s0")
    assert talk.status["status"] == "attached"
    assert talk.status["resumed"] is False
    assert len(talk.status["resume"]) >= 32
    first = talk.told()
    assert first["path"] == "/ws/chat?session_id=s0"
    assert first["fields"]["x-socket-number"] == "1"
    assert first["fields"]["authorization"].startswith("Bearer ")
    assert talk.ask("hello")["heard"] == "hello"
    talk.socket.close()


def test_the_death_of_an_endpoint_is_told_and_another_goes_on(house: House) -> None:
    talk = house.join("session_id=s1")
    first = talk.told()["from"]
    other = {"a": "b", "b": "a"}[first]
    house.kill(first)
    assert talk.event()["status"] == "service_away"
    back = talk.event()
    assert (back["status"], back["unanswered"]) == ("reattached", 0)
    again = talk.told()
    assert (again["from"], again["fields"]["x-socket-number"]) == (other, "2")
    assert again["path"] == "/ws/chat?session_id=s1"
    assert talk.ask("still here") == {"from": other, "heard": "still here"}
    talk.socket.close()


def test_what_is_said_while_no_service_is_there_waits_for_it(house: House) -> None:
    talk = house.join("session_id=s2")
    talk.told()
    house.kill("a")
    house.kill("b")
    assert talk.event()["status"] == "service_away"
    for number in range(5):
        talk.socket.send(f"waiting {number}")
    house.start("b")
    assert talk.event()["status"] == "reattached"
    assert talk.told()["path"] == "/ws/chat?session_id=s2"
    assert [talk.told()["heard"] for _ in range(5)] == [f"waiting {one}" for one in range(5)]
    talk.socket.close()


def test_more_than_there_is_room_for_ends_with_1013(house: House) -> None:
    talk = house.join("session_id=s3")
    talk.told()
    house.kill("a")
    house.kill("b")
    talk.event()
    for number in range(51):
        talk.socket.send(f"{number}")
    assert talk.end() == (LATER, "the service is away: connect again later")


def test_a_service_that_stays_away_ends_with_1013(house: House) -> None:
    house.kill("a")
    house.kill("b")
    talk = Talk(house.connect(f"token={token_of('p1')}", path="/ws/short"))
    assert talk.end()[0] == LATER


def test_a_client_that_was_cut_gets_what_it_missed_once_and_in_order(house: House) -> None:
    talk = house.join("session_id=s4")
    talk.told()
    talk.socket.send("count 40")
    heard = [talk.hear() for _ in range(5)]
    talk.cut()
    heard += talk.rest()  # its library has told the gateway that it has these
    time.sleep(0.3)
    token = talk.status["resume"]
    received = 1 + len(heard)
    back = house.join(f"session_id=s4&resume={token}&received={received}")
    assert (back.status["resumed"], back.status["received"]) == (True, received)
    heard += [back.hear() for _ in range(40 - len(heard))]
    assert heard == [f"{number}" for number in range(40)]
    back.socket.close()


def test_whatever_worker_a_client_comes_back_to_it_goes_on(house: House) -> None:
    """There are two; of eight connections some come to the one, and some to the other."""
    talk = house.join("session_id=s12")
    assert talk.told()["fields"]["x-socket-number"] == "1"
    received, heard = 1, list[int]()
    for number in range(8):
        talk.socket.send("count 5" + " " * number)  # else it were the same, said again
        came = [talk.hear() for _ in range(3)]
        talk.cut()
        came += talk.rest()
        received += len(came)
        query = f"session_id=s12&resume={talk.status['resume']}&received={received}"
        talk = house.join(query)
        assert talk.status["resumed"] is True, number
        came += [talk.hear() for _ in range(5 - len(came))]
        heard += map(int, came)
        assert talk.ask(f"still there {number}")["heard"] == f"still there {number}"
        received = 1 + 6 * (number + 1)
    assert heard == [0, 1, 2, 3, 4] * 8
    talk.socket.close()


def test_an_unmodified_client_goes_on_with_its_session(house: House) -> None:
    """By Pongs alone it is known what it has: nothing is missed, and little comes twice."""
    talk = house.join("session_id=s5")
    talk.told()
    assert talk.ask("first")["heard"] == "first"
    talk.settle()
    talk.socket.send("count 20")
    before = [talk.hear()]
    talk.cut()
    before += talk.rest()
    time.sleep(0.6)
    back = house.join("session_id=s5")
    assert back.status["resumed"] is True
    first = back.status["received"] - 2  # of the numbers: two messages came before them
    assert 0 <= first <= len(before)
    heard = [int(back.hear()) for _ in range(20 - first)]
    assert heard == list(range(first, 20))
    assert back.ask("last")["heard"] == "last"
    back.socket.close()


def test_what_is_said_again_is_passed_on_once(house: House) -> None:
    talk = house.join("session_id=s6")
    talk.told()
    talk.settle()
    for text in ('{"text": "a", "at": 1}', '{"id": "message-0001"}'):
        talk.socket.send(text)
    talk.cut()
    time.sleep(0.3)
    back = house.join(f"session_id=s6&resume={talk.status['resume']}&received=1")
    assert [back.told()["heard"] for _ in range(2)] == [
        '{"text": "a", "at": 1}',
        '{"id": "message-0001"}',
    ]
    for text in ('{"text": "a", "at": 1}', '{"id": "message-0001"}', '{"text": "b"}'):
        back.socket.send(text)
    assert back.told()["heard"] == '{"text": "b"}'
    back.socket.close()


def test_nobody_is_given_what_is_somebody_elses(house: House) -> None:
    talk = house.join("session_id=s7")
    talk.told()
    talk.socket.send("count 30")
    talk.hear()
    talk.cut()
    time.sleep(0.3)
    for query in ("session_id=s7", f"session_id=s7&resume={talk.status['resume']}&received=0"):
        other = house.join(query, subject="p2")
        assert other.status["resumed"] is False
        assert "fields" in other.told()
        other.socket.close()


def test_the_token_may_come_as_the_first_message(house: House) -> None:
    talk = Talk(house.connect("session_id=s8", path="/ws/first"))
    talk.socket.send(json.dumps({"type": "auth", "token": token_of("p1")}))
    assert talk.event()["status"] == "attached"
    first = talk.told()
    assert first["path"] == "/ws/first?session_id=s8"
    assert first["fields"]["authorization"].startswith("Bearer ")
    assert talk.ask("hello")["heard"] == "hello"
    talk.socket.close()


def test_who_shows_it_in_the_request_comes_only_where_it_lets_them(house: House) -> None:
    query = f"token={token_of('p1')}&session_id=s14"
    talk = Talk(house.connect(query, path="/ws/first"))
    assert talk.event()["status"] == "attached"
    assert talk.told()["fields"]["authorization"].startswith("Bearer ")
    assert talk.ask("hello")["heard"] == "hello"
    talk.socket.close()
    assert Talk(house.connect(query, path="/ws/therapists")).end() == (
        POLICY,
        "access_role_missing",
    )


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("hello", "the first message must be {type: auth, token: ...}"),
        (json.dumps({"type": "auth", "token": "none"}), "identity_token_malformed"),
        (None, "no token has come in time"),
    ],
)
def test_without_a_good_token_it_ends_with_1008(house: House, first: str | None, why: str) -> None:
    talk = Talk(house.connect("session_id=s9", path="/ws/first"))
    if first is not None:
        talk.socket.send(first)
    assert talk.end() == (POLICY, why)


def test_the_platforms_chat_is_spoken_here_too(house: House) -> None:
    """Pings are answered by the gateway, events are in the chat's envelope."""
    talk = Talk(house.connect(f"token={token_of('p1')}&session_id=s13", path="/ws/told"))
    attached = json.loads(talk.hear())
    assert (attached["event_type"], attached["session_id"]) == ("connection", "s13")
    assert attached["id"].startswith("msg_")
    assert attached["content"]["status"] == "attached"
    talk.told()
    talk.socket.send('{"type":"ping","timestamp":5}')
    pong = json.loads(talk.hear())
    assert (pong["type"], pong["content"]["ping_timestamp"]) == ("pong", 5)
    assert talk.ask("hello")["heard"] == "hello"
    talk.socket.close()


def test_a_service_that_ends_it_ends_it(house: House) -> None:
    talk = house.join("session_id=s10")
    talk.told()
    talk.socket.send("close 4001")
    assert talk.end() == (4001, "as asked")


def test_a_token_that_expires_ends_the_socket_and_another_goes_on(house: House) -> None:
    talk = Talk(house.connect(f"token={token_of('p1', lasts=1)}&session_id=s11"))
    talk.event()
    talk.told()
    assert talk.end()[0] == 3000
    back = house.join("session_id=s11")
    assert back.status["resumed"] is True
    assert back.event()["status"] == "reattached"
    assert back.told()["fields"]["x-socket-number"] == "2"
    assert back.ask("on")["heard"] == "on"
    back.socket.close()
