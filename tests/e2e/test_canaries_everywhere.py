"""Canaries where much is kept: accounts in PostgreSQL, a hub with inboxes, chats, alerts.

Every endpoint of the gateway's own is sent marks in every field, with and without a token that
counts.  Searched are both stores key by key, all tables, all files (journals, SQLite, logs), the
metrics, what the administration shows, and what whoever is called and alerted has been told.
"""

import contextlib
import http.client
import json
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
from websockets import Subprotocol
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.helpers.alert_receiver import Receiver
from tests.helpers.canaries import Canaries, all_keys_of
from tests.helpers.clients import PATIENCE, chunk
from tests.helpers.databases import postgres
from tests.helpers.gateway import free_port
from tests.helpers.hub_stage import CHANNELS, HubStage, hub_stage, token
from tests.helpers.listening import Listening, send
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until
from tta_gateway.node.embedded_server import FOLDER
from tta_gateway.node.routers import endpoints, public_endpoints

__all__ = ["postgres"]
pytestmark = pytest.mark.e2e
CRY: Final = "I want to end my life"
JSON: Final = "application/json"
HARM: Final = "You should kill yourself."
LEAST: Final = 10_000
NAMES: Final = (
    *("username", "password", "new_password", "current_password", "email", "device", "code"),
    *("refresh_token", "access_token", "token", "token_type_hint", "client_id", "client_secret"),
    *("client_assertion", "client_assertion_type", "redirect_uri", "state", "nonce", "scope"),
    *("code_verifier", "code_challenge", "code_challenge_method", "response_type", "prompt"),
    *("login_hint", "id_token_hint", "id", "challenge", "credential", "factor", "method", "path"),
    *("person", "reason", "channel", "channels", "data", "tags", "user", "users", "client"),
    *("session", "idempotency_key", "offset", "commands", "invitation", "logout_token", "url"),
)
"""Members that endpoints know, and some that one of them may."""
FIELDS: Final = (
    *("user-agent", "referer", "cookie", "x-note", "accept-language", "x-forwarded-for", "origin"),
    *("idempotency-key", "traceparent", "x-real-ip", "forwarded", "accept", "if-none-match"),
)
"""Not the id of a request: a client that gives one wants to find it again."""
THERE: Final = {
    "state": b"session:one",
    "tables": b"ada",
    "metrics": b"tta_gateway_safety",
    "pager": b"incident",
    "alerts": b"CrisisUnreached",
    "GET /admin/v1/incidents": b"suicide",
    "log": b'"event"',
    "access log": b'"status"',
}
"""What is searched holds this: a search of nothing finds nothing."""
MORE: Final = {
    "inbox": {"time": "1h"},
    "care": "alerts:crisis",
    "channels": {
        **CHANNELS,
        "note:{user_id}": {
            "publish": {},
            "keep": {"size": 100, "time": "5m"},
            "receipts": {"to": "user_id"},
        },
    },
}


@dataclass
class Place:
    """The gateway, whoever is called and alerted, and what has been answered."""

    stage: HubStage
    postgres: PostgresServer
    pager: Receiver
    watch: Receiver
    folder: Path
    marks: Canaries
    answers: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self.stage.gateway.stage.port

    def ask(
        self,
        what: str,
        method: str,
        path: str,
        body: bytes,
        *,
        shown: str = "",
        kind: str = "",
        names: Sequence[str] = FIELDS,
    ) -> bytes:
        """Ask with marked fields; remember the answer, which is the gateway's own."""
        fields = {name: self.marks.new(f"{what}: {name}") for name in names}
        fields["authorization"] = f"Bearer {shown or self.marks.new(f'{what}: token')}"
        if kind:
            fields["content-type"] = kind
        target = f"{path}?q={self.marks.new(f'{what}: query')}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, target, body, fields)
            answer = connection.getresponse()
            told = answer.read()
            self.answers.append((what, f"{answer.getheaders()}".encode() + told))
            return told
        finally:
            connection.close()

    def body(self, what: str) -> dict[str, str]:
        """Return an object of all names that there are, each marked."""
        return {name: self.marks.new(f"{what}: {name}") for name in NAMES}


@dataclass
class Chat:
    """A service that says marked things, in every way."""

    marks: Canaries

    def serve(self, socket: ServerConnection) -> None:
        """Talk to one client; some of what it says does harm, and the end has a reason."""
        with contextlib.suppress(WebSocketException):
            for message in socket:
                mark = self.marks.new("chat: answer")
                socket.send(json.dumps({"role": "assistant", "content": {"text": mark}}))
                for a, b in pairwise(range(0, len(HARM) + 3, 3)):
                    part = {"role": "assistant", "content": {"text": HARM[a:b]}, "mark": mark}
                    socket.send(json.dumps(part))
                socket.send(b"\xff" + self.marks.new("chat: binary").encode())
                if b"end" in (message if isinstance(message, bytes) else message.encode()):
                    socket.close(4001, self.marks.new("chat: reason"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[Place]:
    folder, marks = tmp_path_factory.mktemp("canaries"), Canaries()
    chat = Chat(marks)
    spoken = {"auth": "none", "socket": {"profile": "chat"}, "safety": {"mode": "scan"}}
    with (
        Receiver() as pager,
        Receiver() as watch,
        serve(chat.serve, "127.0.0.1", 0, compression=None) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        (folder / "key").write_text(secrets.token_hex(32))
        whole = {
            "issuing": {"key": {"file": str(folder / "key")}},
            "database_url": postgres.url,
            "access_log": {"path": str(folder / "access.log")},
            "alerts": {"wait": "200ms", "webhooks": [{"url": watch.url}]},
            "escalation": {
                "contacts": {"pager": {"webhook": {"url": pager.url, "unsigned": "a test"}}}
            },
        }
        pager.status = 500  # until it has been told of that nobody is reached
        with hub_stage(
            folder,
            {"path": "/chat", "service": "chat", **spoken},
            {"path": "/tether", "service": "chat", **spoken, "tether": {"resume": "20s"}},
            {"path": "/away", "service": "away", **spoken},
            {"path": "/heard/{rest:path}", "auth": "none", "safety": {"mode": "scan"}},
            more=MORE,
            beside={
                "chat": {"endpoints": [f"http://127.0.0.1:{port}"]},
                "away": {"endpoints": [f"http://127.0.0.1:{free_port()}"]},
            },
            whole=whole,
        ) as stage:
            yield Place(stage, postgres, pager, watch, folder, marks)
        server.shutdown()


def test_no_mark_is_kept_or_told_anywhere(place: Place) -> None:
    for say in (_known, _asked, _published, _spoken, _streamed, _chatted, _read):
        say(place)
    marks = place.marks
    assert len(marks.places) > LEAST
    assert place.watch.hears("CrisisUnreached", "firing")
    place.pager.status = 200
    assert wait_until(lambda: len(place.pager.calls) > 2)
    told = {f"answer {number}, {what}": data for number, (what, data) in enumerate(place.answers)}
    told |= _kept(place)
    assert {what: word for what, word in THERE.items() if word not in told[what]} == {}
    found = {what: names for what, data in told.items() if (names := marks.found_in(data))}
    place.stage.gateway.stage.gateway.stop()
    assert {**found, **marks.found_under(place.folder)} == {}


def _kept(place: Place) -> dict[str, bytes]:
    """Return whatever is kept and told, while it all runs."""
    gateway = place.stage.gateway
    found = {
        name: all_keys_of(gateway.state / FOLDER / f"{name}.sock") for name in ("state", "cache")
    }
    found["tables"] = place.postgres.dumped()
    found["metrics"] = gateway.admin.ask("/metrics")[2]
    for method, path, _ in endpoints():
        if method == "GET" and "{" not in path:
            found[f"GET {path}"] = gateway.admin.ask(f"{path}?all=true&user=ada")[2]
    for what, receiver in (("pager", place.pager), ("alerts", place.watch)):
        found[what] = repr(receiver.calls).encode()
    found["log"] = gateway.stage.gateway.log.read_bytes()
    found["access log"] = (place.folder / "access.log").read_bytes()
    return found


def _known(place: Place) -> None:
    """Somebody has an account, with a marked password, and logs in with it, and wrongly."""
    gateway, marks = place.stage.gateway, place.marks
    word = f"{marks.new('password')} is long"
    body = {"username": "ada", "password": word, "roles": ["player"]}
    assert gateway.administer("POST", "/users", body).status == 201
    login = json.dumps({"username": "ada", "password": word, "refresh_in": "body"})
    answer = place.ask("login", "POST", "/api/v1/auth/login", login.encode(), kind=JSON)
    place.answers.pop()  # it holds tokens, for whoever asked
    told = json.loads(answer)
    assert "access_token" in told, told
    for name in ("access_token", "refresh_token"):
        marks.words[told[name].encode()] = name
    shown = told["access_token"]
    place.ask("me", "GET", "/api/v1/auth/me", b"", shown=shown)
    place.ask("sessions", "GET", "/api/v1/auth/sessions", b"", shown=shown)
    wrong = {"username": marks.new("wrong name"), "password": marks.new("wrong password")}
    place.ask("wrong", "POST", "/api/v1/auth/login", json.dumps(wrong).encode())
    wrong["username"] = "ada"
    place.ask("wrong password", "POST", "/api/v1/auth/login", json.dumps(wrong).encode())


def _asked(place: Place) -> None:
    """Every endpoint of the gateway's own, in every way in which it can be asked wrongly."""
    for method, path, _ in public_endpoints():
        for shown in ("", token("ada"), token("chat", "service")):
            what = f"{method} {path} {'with' if shown else 'without'} a token"
            named = re.sub(r"\{[^}]+\}", place.marks.new(f"{what}: id"), path)
            told = place.body(what)
            for body, kind in (
                (json.dumps(told), "application/json"),
                (urlencode(told), "application/x-www-form-urlencoded"),
                (f'{{"username": {place.marks.new(what)}', "application/json"),
            ):
                place.ask(what, method, named, body.encode(), shown=shown, kind=kind)


def _published(place: Place) -> None:
    """What services publish and post, and what they ask about."""
    mark, shown = place.marks.new, token("chat", "service")
    for call, body in (
        ("publish", {"channel": "session:one", "data": {"text": mark("published")}}),
        ("publish", {"channel": "note:ada", "data": mark("note"), "tags": {"k": mark("tag")}}),
        ("publish", {"channel": "session:one", "data": 1, "idempotency_key": mark("key")}),
        ("broadcast", {"channels": ["session:one", "plain:a"], "data": mark("broadcast")}),
        ("post", {"users": ["ada", "nobody"], "data": mark("letter")}),
        ("disconnect", {"user": "nobody", "code": 4000, "reason": mark("reason")}),
    ):
        kind = JSON
        path = f"/api/v1/realtime/{call}"
        place.ask(call, "POST", path, json.dumps(body).encode(), shown=shown, kind=kind)


def _commands(marks: Canaries) -> Iterator[dict[str, object]]:
    """What is said to the hub by somebody whom it knows."""
    yield {"subscribe": {"channel": "session:one", "data": marks.new("hub: subscribe")}}
    for text in (f"well {marks.new('hub: well')}", f"{CRY} {marks.new('hub: cry')}"):
        yield {"publish": {"channel": "session:one", "data": {"text": text}}}
        sent = {"channel": "session:one", "id": marks.new("hub: id"), "data": {"text": text}}
        yield {"rpc": {"method": "message.send", "data": sent}}
    yield {"rpc": {"method": marks.new("hub: method"), "data": marks.new("hub: rpc")}}
    yield {"send": {"data": marks.new("hub: send")}}
    yield {"history": {"channel": "session:one", "limit": 10}}
    yield {"refresh": {"token": marks.new("hub: refresh")}}


def _connected(place: Place, shown: str) -> dict[str, object]:
    mark = place.marks.new
    headers = {mark("hub: name of a field"): mark("hub: field")}
    return {"token": shown, "data": mark("hub: data"), "name": mark("hub"), "headers": headers}


def _spoken(place: Place) -> None:
    """What is said to the hub by WebSockets, in frames of every kind."""
    mark, url = place.marks.new, f"ws://127.0.0.1:{place.port}/connection/websocket"
    for shown in (token("ada"), mark("hub: token")):
        with (
            contextlib.suppress(WebSocketException, OSError),
            connect(url, proxy=None, subprotocols=[Subprotocol("centrifuge-json")]) as hub,
        ):
            hub.send(json.dumps({"id": 1, "connect": _connected(place, shown)}))
            for number, said in enumerate(_commands(place.marks), 2):
                hub.send(json.dumps({"id": number, **said}))
            _drain(hub)
            hub.ping(mark("hub: ping").encode())
            hub.close(4003, mark("hub: reason"))
    for frame in (mark("hub: no command"), mark("hub: binary").encode()):
        with contextlib.suppress(WebSocketException, OSError), connect(url, proxy=None) as hub:
            hub.send(frame)
            _drain(hub)


def _drain(socket: ClientConnection) -> None:
    with contextlib.suppress(TimeoutError):
        while True:
            socket.recv(0.7)


def _streamed(place: Place) -> None:
    """The hub by streams, and a service's answers of events, one of which does harm."""
    with Listening(place.port, _connected(place, token("ben"))) as stream:
        numbered = [{"id": at, **one} for at, one in enumerate(_commands(place.marks), 2)]
        send(place.port, stream.words(*numbered))
        send(place.port, {**stream.words(), "session": place.marks.new("stream: session")})
    shown = json.dumps({"id": 1, "connect": _connected(place, token("cleo"))})
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=PATIENCE)
    connection.request("GET", f"/connection/sse?cf_connect={quote(shown)}")
    connection.getresponse().readline()
    connection.close()

    def script(call: Call) -> None:
        call.body()
        call.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        call.send(b"Transfer-Encoding: chunked\r\n\r\n")
        for part in (f"{place.marks.new('event')} ", HARM[:9], HARM[9:], " and more."):
            told = {"choices": [{"index": 0, "delta": {"content": part}}]}
            call.send(chunk(f"data: {json.dumps(told)}\n\n".encode()))
        call.send(chunk(b""))

    target = place.stage.gateway.stage.on(script, under=b"/heard/").decode()
    body = json.dumps({"text": f"{CRY} {place.marks.new('asked for events')}"}).encode()
    place.ask("events", "POST", target, body, kind=JSON)
    place.answers.pop()  # it is the service's


def _chatted(place: Place) -> None:
    """Chats with a service: whole, tethered, and with one that is away; frames that are none."""
    mark = place.marks.new
    for path in ("/chat", "/tether", "/away", "/nowhere"):
        url = f"ws://127.0.0.1:{place.port}{path}?token={mark('chat: query')}"
        fields = {"Authorization": f"Bearer {mark('chat: token')}", "Cookie": mark("chat: cookie")}
        with (
            contextlib.suppress(WebSocketException, OSError),
            connect(url, proxy=None, additional_headers=fields) as chat,
        ):
            for text in (f"well {mark('chat: well')}", f"{CRY} {mark('chat: cry')}"):
                chat.send(json.dumps({"type": "user_message", "content": {"text": text}}))
            chat.send(mark("chat: no object"))
            chat.send(mark("chat: bytes").encode())
            _drain(chat)
            if path == "/tether":
                chat.socket.close()
            else:
                chat.send(f"end {mark('chat: end')}")
                _drain(chat)
                chat.close(4002, mark("chat: reason"))


def _read(place: Place) -> None:
    """People who respond look at incidents; what stands there they see."""
    gateway = place.stage.gateway
    assert wait_until(lambda: bool(_incidents(place)))
    for one in _incidents(place)[:3]:
        path = f"/admin/v1/incidents/{one['id']}"
        place.answers.append((path, gateway.admin.ask(path)[2]))


def _incidents(place: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = place.stage.gateway.admin.told("/admin/v1/incidents")["incidents"]
    return found
