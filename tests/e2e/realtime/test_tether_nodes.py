"""Sockets that outlive their node: two nodes over one Valkey, in front of the same endpoints.

Who comes back at the other node gets what was missed, once and in order, and goes on with the same
session; behind the death of what had held it they begin anew, and are told so.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.realtime.test_tether import SECRET, House, Talk, Told, token_of
from tests.helpers.clients import Client
from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.reports_kept import reports_in
from tests.helpers.slow import wait_until, workers_of
from tests.helpers.socket_talk import MASK
from tests.helpers.valkey_server import Server, server
from tta_gateway.wire.socket_codec import (
    CLOSE,
    TEXT,
    Close,
    Message,
    Ping,
    SocketEvent,
    close_data,
    framed,
)
from tta_gateway.wire.socket_endpoint import SocketEndpoint
from tta_gateway.wire.socket_handshake import asking

pytestmark = [pytest.mark.e2e, pytest.mark.redis]

MARK: Final = "not to be read in the store"
KEY: Final = bytes(range(32))
CRISIS: Final = "I want to die."
_REACHED: Final = '"event":"valkey_reached","store":"state"'
_HEARD: Final = '"event":"valkey_heard","store":"state"'
WORDS: Final = ("Traceback", "exchange_failed", "task_died")


class Nodes:
    """Both, and what starts a third."""

    def __init__(self, folder: Path, store: Server) -> None:
        """Start none."""
        self.folder, self.store = folder, store
        self.ports = {"a": free_port(), "b": free_port()}
        self.here: House
        self.there: House

    def end_endpoints(self) -> None:
        for name in list(self.here.running):
            self.here.kill(name)

    def start(self, name: str) -> House:
        """Start a node; its endpoints are those of all."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "secret").write_text(SECRET)
        (folder / "key").write_text(KEY.hex())
        made = start_gateway(_config(folder, self.ports, self.store.port), folder)
        assert wait_until(lambda: _hears(made))
        return House(made, self.ports)

    def delivered(self, name: str) -> list[bool]:
        """Return of each record of a node whether the message was delivered."""
        found = reports_in(self.folder / name / "state", (KEY,))
        assert {text for report, text in found if not report.amends} <= {CRISIS}
        return [report.delivered for report, _ in found]


def _hears(node: Gateway) -> bool:
    """Tell whether both workers have reached the store that the nodes share, and listen to it."""
    told = node.log.read_text()
    return told.count(_REACHED) >= 2 and told.count(_HEARD) >= 4


def _config(folder: Path, ports: dict[str, int], store: int) -> dict[str, object]:
    tether = {"resume": "20s", "reattach": "5s"}
    kept = {
        "service": "chat",
        "auth_query": {"token": "token", "subject": "player_id"},
        "tether": tether,
    }
    return {
        "listen": "127.0.0.1:0",
        "state_dir": str(folder / "state"),
        "workers": 2,
        "journal": {"in_memory": "allow"},
        "encryption": {"keys": [{"file": str(folder / "key")}]},
        "valkey_url": f"redis://127.0.0.1:{store}",
        "identity": {"issuers": [{"name": "today", "secret": {"file": str(folder / "secret")}}]},
        "services": {
            "chat": {
                "endpoints": [f"http://127.0.0.1:{port}" for port in ports.values()],
                "outliers": "off",
            }
        },
        "realtime": {
            "channels": {
                "room:{room_id}": {"publish": {}, "keep": {"size": 1000, "time": "1h"}},
            }
        },
        "routes": [
            {"path": "/ws/chat", **kept},
            {"path": "/ws/room", **kept, "tether": {**tether, "channel": "room:{room_id}"}},
        ],
    }


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with server("redis") as store, contextlib.ExitStack() as stack:
        made = Nodes(tmp_path, store)
        made.here = made.start("one")
        stack.callback(made.here.gateway.stop)
        made.there = made.start("two")
        stack.callback(made.there.gateway.stop)
        made.there.running = made.here.running
        stack.callback(made.end_endpoints)
        for name in made.ports:
            made.here.start(name)
        yield made
        for node in (made.here, made.there):
            printed = node.gateway.log.read_text()
            assert [word for word in WORDS if word in printed] == []


def _back(house: House, talk: Talk, query: str, *, received: int, path: str = "/ws/chat") -> Talk:
    """Come back by the token that was told."""
    token = talk.status["resume"]
    url = f"token={token_of('p1')}&{query}&resume={token}&received={received}"
    back = Talk(house.connect(url, path=path))
    back.status = back.event()
    return back


def _in_channel(talk: Talk) -> None:
    """Wait until a socket is with its service and in its channel, in whichever order."""
    statuses: set[str] = set()
    while statuses != {"attached", "bound"}:
        told = json.loads(talk.hear())
        content = told.get("content", {})
        if content.get("status") == "attached":
            talk.status = content
        statuses |= {content["status"]} if content else set()


def _reattached(talk: Talk) -> Told:
    """What is told when the service is there again, behind what was missed."""
    told = talk.event()
    assert told["status"] == "reattached"
    return told


def _known_to_be_there(talk: Talk, back: Talk) -> list[str]:
    """What was not read of a socket that was cut, but of which its library had told the gateway."""
    return talk.rest()[: back.status.get("missed", 0)]


def test_who_comes_to_another_node_gets_what_was_missed_once_and_in_order(nodes: Nodes) -> None:
    talk = nodes.here.join("session_id=s1")
    first = talk.told()
    talk.socket.send("burst 40")
    heard = [talk.hear() for _ in range(5)]
    talk.cut()
    time.sleep(0.3)
    back = _back(nodes.there, talk, "session_id=s1", received=1 + len(heard))
    assert (back.status["resumed"], back.status["received"]) == (True, 6)
    heard += _known_to_be_there(talk, back)
    heard += [back.hear() for _ in range(40 - len(heard))]
    assert heard == [f"{number}" for number in range(40)]
    assert _reattached(back)["unanswered"] == 0
    again = back.told()["fields"]
    assert again["x-socket-session"] == first["fields"]["x-socket-session"]
    assert again["x-socket-number"] == "2"
    assert back.ask("on")["heard"] == "on"
    home = _back(nodes.here, back, "session_id=s1", received=1 + 40 + 2)
    assert home.status["resumed"] is True
    _reattached(home)
    assert home.told()["fields"]["x-socket-number"] == "3"
    assert home.ask("still on")["heard"] == "still on"
    home.socket.close()


def test_an_unmodified_client_goes_on_with_its_session_there(nodes: Nodes) -> None:
    talk = nodes.here.join("session_id=s2")
    talk.told()
    talk.settle()
    talk.cut()
    talk.rest()
    time.sleep(0.6)
    back = nodes.there.join("session_id=s2")
    assert back.status["resumed"] is True
    _reattached(back)
    assert back.told()["fields"]["x-socket-number"] == "2"
    other = nodes.here.join("session_id=s2", subject="p2")
    assert other.status["resumed"] is False
    for one in (back, other):
        one.socket.close()


def test_what_no_service_had_been_told_waits_there(nodes: Nodes) -> None:
    talk = nodes.here.join("session_id=s3")
    talk.told()
    for name in nodes.ports:
        nodes.here.kill(name)
    assert talk.event()["status"] == "service_away"
    for number in range(3):
        talk.socket.send(f"{MARK} {number}")
    talk.settle()
    talk.cut()
    back = _back(nodes.there, talk, "session_id=s3", received=1)
    assert back.status["resumed"] is True
    nodes.here.start("b")
    told: list[Told] = []
    while len(told) < 4:
        message = json.loads(back.hear())
        told += [message] if "from" in message else []
    assert [one["heard"] for one in told[1:]] == [f"{MARK} {number}" for number in range(3)]
    back.socket.close()


def test_nobody_else_has_it_handed_over(nodes: Nodes) -> None:
    talk = nodes.here.join("session_id=s4")
    talk.told()
    query = f"session_id=s4&resume={talk.status['resume']}&received=0"
    other = nodes.there.join(query, subject="p2")
    assert other.status["resumed"] is False
    assert talk.ask("mine")["heard"] == "mine"
    for one in (talk, other):
        one.socket.close()


def test_a_node_that_stops_leaves_what_it_has_to_the_other(nodes: Nodes) -> None:
    """One client has gone before, and one is told to go."""
    away, there = nodes.here.join("session_id=s5"), nodes.here.join("session_id=s6")
    for one in (away, there):
        one.told()
    away.socket.send("burst 10")
    heard = [away.hear() for _ in range(3)]
    away.cut()
    time.sleep(0.3)
    nodes.here.gateway.process.send_signal(signal.SIGTERM)
    code, _ = there.end()
    assert code in (1001, 1012)
    back = _back(nodes.there, there, "session_id=s6", received=1)
    assert back.status["resumed"] is True
    nodes.here.gateway.process.wait(20.0)
    stored = nodes.store.say("KEYS", "*tether:*")
    assert b"!tether:" in stored
    other = _back(nodes.there, away, "session_id=s5", received=1 + len(heard))
    assert other.status["resumed"] is True
    heard += _known_to_be_there(away, other)
    heard += [other.hear() for _ in range(10 - len(heard))]
    assert heard == [f"{number}" for number in range(10)]
    for one in (back, other):
        one.socket.close()


@pytest.mark.parametrize("victim", ["worker", "node"])
def test_behind_the_death_of_who_had_it_they_begin_anew(nodes: Nodes, victim: str) -> None:
    talk = nodes.here.join("session_id=s7")
    talk.told()
    running = nodes.here.gateway.process.pid
    workers = workers_of(running)
    for pid in workers if victim == "worker" else [running, *workers]:
        os.kill(pid, signal.SIGKILL)
    talk.rest()
    begun = time.monotonic()
    back = _back(nodes.there, talk, "session_id=s7", received=1)
    assert back.status["resumed"] is False
    assert time.monotonic() - begun < 3.0
    assert back.told()["fields"]["x-socket-number"] == "1"
    again = nodes.there.join("session_id=s8")
    assert again.status["resumed"] is False
    for one in (back, again):
        one.socket.close()


def test_the_death_of_who_had_it_before_is_nothing_to_who_has_gone_on(nodes: Nodes) -> None:
    talk = nodes.here.join("session_id=s9")
    talk.told()
    back = _back(nodes.there, talk, "session_id=s9", received=1)
    _reattached(back)
    back.told()
    nodes.here.gateway.process.kill()
    nodes.here.gateway.process.wait()
    assert back.ask("still here")["heard"] == "still here"
    back.socket.close()


def test_in_a_channel_they_hear_what_was_said_there_on_the_way(nodes: Nodes) -> None:
    path = "/ws/room"
    queries = [f"token={token_of(who)}&session_id={who}&room_id=r1" for who in ("p1", "p2")]
    mine = Talk(nodes.here.connect(queries[0], path=path))
    theirs = Talk(nodes.there.connect(queries[1], path=path))
    for one in (mine, theirs):
        _in_channel(one)
    mine.cut()
    for number in range(5):
        theirs.socket.send(f'{{"theirs": {number}}}')
    time.sleep(0.3)
    back = _back(nodes.there, mine, "session_id=p1&room_id=r1", received=0, path=path)
    assert back.status["resumed"] is True
    theirs.socket.send('{"theirs": 5}')
    heard: list[int] = []
    while len(heard) < 6:
        said = json.loads(back.hear())
        heard += [said["theirs"]] if "theirs" in said else []
    assert heard == list(range(6))
    for one in (back, theirs):
        one.socket.close()


def _away(nodes: Nodes, session: str) -> Talk:
    """Somebody at risk whose service is away, and who goes then."""
    talk = nodes.here.join(f"session_id={session}")
    talk.told()
    for name in list(nodes.here.running):
        nodes.here.kill(name)
    assert talk.event()["status"] == "service_away"
    talk.socket.send(CRISIS)
    assert json.loads(talk.hear())["type"] == "help"
    assert wait_until(lambda: nodes.delivered("one") == [True])
    talk.settle()
    talk.cut()
    return talk


def test_who_is_at_risk_is_heard_again_there_helped_once_and_told_what_becomes_of_it(
    nodes: Nodes,
) -> None:
    talk = _away(nodes, "s10")
    back = _back(nodes.there, talk, "session_id=s10", received=1)
    assert back.status["resumed"] is True
    assert wait_until(lambda: nodes.delivered("two") == [True])
    told = [one for one in map(json.loads, back.rest()) if one["type"] == "help"]
    assert back.socket.close_code == 1013
    # The card that it is not known to have had, no other, and static help when it is sent away.
    assert [one["level"] for one in told] == [2, 0]
    assert told[-1]["help"]["message"] == "kept"
    assert wait_until(lambda: nodes.delivered("two") == [True, False])
    assert nodes.delivered("one") == [True]


def test_what_somebody_at_risk_has_said_does_not_go_with_its_node_in_silence(nodes: Nodes) -> None:
    _away(nodes, "s11")
    time.sleep(0.3)
    nodes.here.gateway.process.send_signal(signal.SIGTERM)
    nodes.here.gateway.process.wait(20.0)
    assert nodes.delivered("one") == [True, False]


class Slow:
    """A client who goes on for a while behind the gateway's Close: it was on its way."""

    def __init__(self, stack: contextlib.ExitStack, port: int, target: str) -> None:
        """Open a WebSocket."""
        self._client = stack.enter_context(Client(port))
        self._client.ask(target.encode(), fields=[*asking(bytes(16)), (b"Connection", b"Upgrade")])
        assert self._client.answer().status == 101
        self._endpoint = SocketEndpoint(mask=lambda: MASK)
        self._events: list[SocketEvent] = []

    def hear(self) -> SocketEvent:
        """The next event; Pings are left unanswered."""
        while not self._events:
            self._events += self._endpoint.receive(self._client.read_some())
        event = self._events.pop(0)
        return self.hear() if isinstance(event, Ping) else event

    def told(self) -> Told:
        """The next message."""
        event = self.hear()
        assert isinstance(event, Message), event
        made: Told = json.loads(event.data)
        return made

    def code(self) -> int:
        """Read on to the Close; return its code."""
        while not isinstance(event := self.hear(), Close):
            pass
        return event.code

    def say(self, text: str) -> None:
        self._client.send(framed(TEXT, text.encode(), mask=MASK))

    def answer_close(self) -> None:
        self._client.send(framed(CLOSE, close_data(1000, b""), mask=MASK))


def test_what_was_on_its_way_as_the_node_stops_is_heard_and_kept_as_not_delivered(
    nodes: Nodes,
) -> None:
    """Red without `_hear_late` in edge/own_socket.py: tethers and the hub alike."""
    with contextlib.ExitStack() as stack:
        port, token = nodes.here.gateway.port, token_of("p1")
        tethered = Slow(stack, port, f"/ws/chat?token={token}&session_id=s20")
        assert tethered.told()["content"]["status"] == "attached"
        of_hub = Slow(stack, port, "/connection/websocket")
        of_hub.say(json.dumps({"id": 1, "connect": {"token": token_of("p2")}}))
        assert "connect" in of_hub.told()
        nodes.here.gateway.process.send_signal(signal.SIGTERM)
        assert (tethered.code(), of_hub.code()) == (1012, 3001)
        tethered.say(CRISIS)
        of_hub.say(json.dumps({"id": 2, "publish": {"channel": "room:a", "data": CRISIS}}))
        tethered.answer_close()
        of_hub.answer_close()
        nodes.here.gateway.process.wait(20.0)
    assert sorted(nodes.delivered("one")) == [False, False, True, True]


def test_so_is_what_was_on_its_way_as_the_tether_goes_on_at_another_node(nodes: Nodes) -> None:
    with contextlib.ExitStack() as stack:
        query = f"token={token_of('p1')}&session_id=s21"
        one = Slow(stack, nodes.here.gateway.port, f"/ws/chat?{query}")
        resume = one.told()["content"]["resume"]
        back = Talk(nodes.there.connect(f"{query}&resume={resume}&received=0"))
        assert back.event()["resumed"] is True
        assert one.code() == 1001
        one.say(CRISIS)
        assert wait_until(lambda: nodes.delivered("one") == [True, False])
        one.answer_close()
