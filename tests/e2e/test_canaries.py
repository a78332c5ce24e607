"""Canaries: a mark of its own in every field that people and services can fill, and nowhere later.

All that a gateway has written is searched as bytes once it has ended: its own log, the access log,
its state folder with the store's files, journals and databases; before that its metrics and what it
answers itself.  A mark may go to the service and come back from it, and stand in the store sealed.
"""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.canaries import Canaries
from tests.helpers.clients import Answer, Cut, Field, chunk, chunked_post, head_of
from tests.helpers.gateway import free_port
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until
from tta_gateway.features.error_records.sqlite_store import SqliteStore
from tta_gateway.node.error_sealing import Seal
from tta_gateway.node.key_ring import ring_of
from tta_gateway.snapshot.model import Snapshot

pytestmark = pytest.mark.e2e

SECRET: Final = "0123456789abcdef" * 4
CRY: Final = "I want to end my life"
LEAST: Final = 50


@dataclass
class Aviary:
    """A gateway with an admin API, its marks, and what it has answered by itself."""

    stage: Stage
    admin: Admin
    folder: Path
    marks: Canaries
    answers: list[tuple[str, bytes]] = field(default_factory=list)

    def send(self, what: str, data: bytes, *, own: bool = True) -> Answer | None:
        """Send bytes and read an answer; remember it where the gateway itself gives it."""
        with self.stage.client() as client:
            client.send(data)
            try:
                answer = client.answer()
            except (Cut, ValueError, IndexError, TimeoutError):
                return None
        if own:
            head = b"".join(b"%b: %b\n" % one for one in answer.fields)
            self.answers.append((what, head + answer.body))
        return answer

    def token(self, **claims: object) -> Field:
        """Return the field that shows a token of the clinic."""
        made = jwt.encode({"alg": "HS256"}, dict(claims), OctKey.import_key(SECRET))
        return (b"Authorization", b"Bearer " + made.encode())

    def fields(self, what: str) -> list[Field]:
        """Return marked fields as clients send them."""
        names = ("User-Agent", "Referer", "Cookie", "X-Note", "Accept-Language", "Origin")
        values = {"Cookie": "session={}", "Origin": "https://{}.example", "Referer": "https://a/{}"}
        return [
            (
                name.encode(),
                values.get(name, "{}").format(self.marks.new(f"{what}: {name}")).encode(),
            )
            for name in names
        ]

    def post(
        self, what: str, path: str, body: bytes, *more: Field, kind: bytes = b"application/json"
    ) -> bytes:
        """Return a request that is marked everywhere."""
        target = f"{path}?q={self.marks.new(f'{what}: query')}".encode()
        length = (b"Content-Length", b"%d" % len(body))
        told = [(b"Content-Type", kind), length, *self.fields(what), *more]
        return head_of(target, method=b"POST", fields=told) + body

    def cry(self, what: str) -> bytes:
        """Return what somebody at risk writes, marked."""
        return json.dumps({"text": f"{CRY}. {self.marks.new(f'{what}: body')}"}).encode()


@pytest.fixture(scope="module")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aviary]:
    """All of what is sent goes to one gateway; its files are searched when it has ended."""
    folder = tmp_path_factory.mktemp("aviary")
    (folder / "secret").write_text(SECRET)
    issuer = {"name": "clinic", "secret": {"file": str(folder / "secret")}, "roles": ["player"]}
    port, plain = free_port(), {"service": "up", "auth": "none"}
    crowded = {"requests": 1, "per": "1h", "key": ["all"], "name": "crowded"}
    with (
        scripted() as upstream,
        stage(
            folder,
            upstream=upstream,
            admin=f"127.0.0.1:{port}",
            identity={"issuers": [issuer]},
            services={
                "up": {"endpoints": [upstream.url]},
                "gone": {"endpoints": [f"http://127.0.0.1:{free_port()}"]},
            },
            routes=[
                {**plain, "path": "/gone", "service": "gone", "retries": 0},
                {**plain, "path": "/crowded", "rate_limit": crowded},
                {**plain, "path": "/small", "max_body": 100},
                {"service": "up", "path": "/locked/{name}", "auth": "required"},
                {**plain, "path": "/up/{rest:path}"},
            ],
            realtime={
                "channels": {"session:{id}": {"publish": {}, "keep": {"size": 9, "time": "5m"}}}
            },
            access_log={"path": str(folder / "access.log")},
            journal={"in_memory": "allow"},
        ) as running,
    ):
        yield Aviary(running, Admin(port, folder / "state"), folder, Canaries())


def test_no_mark_is_where_it_should_not_be(aviary: Aviary) -> None:
    aviary.stage.rest()
    for say in (_refused, _answered_badly, _broken, _shown, _spoken):
        say(aviary)
    assert len(aviary.marks.places) > LEAST
    seen = [
        (what, found) for what, data in aviary.answers if (found := aviary.marks.found_in(data))
    ]
    assert seen == []
    told = aviary.admin.ask("/metrics")
    assert aviary.marks.found_in(str(told).encode()) == []
    assert wait_until(lambda: len(aviary.stage.all_lines()) > len(aviary.answers) // 2)
    assert wait_until(lambda: all(_records(aviary, one) for one in ("error", "safety")))
    assert aviary.marks.found_in(str(_records(aviary)).encode()) == []
    aviary.stage.gateway.stop()
    assert _sealed_in_records(aviary) >= {"body of 500", "harm"}
    kept = aviary.marks.found_under(aviary.folder)
    assert kept == {}


def _records(to: Aviary, kind: str = "") -> list[dict[str, object]]:
    """Return which error records there are, as the administration lists them."""
    told = to.admin.told("/admin/v1/error-records")["records"]
    return [one for one in told if kind in ("", one["kind"])]


def _sealed_in_records(to: Aviary) -> set[str]:
    """Return what marks stand in error records once they are opened with the keys."""
    state = to.folder / "state"
    store = SqliteStore(state)
    snapshot = Snapshot(version=1, state_dir=str(state), listeners=(), services=(), routes=())
    seal = Seal(state, ring_of(snapshot))
    rows = [store.row(one.id) for one in store.rows()]
    found = [to.marks.found_in(repr(seal.opened(one)).encode()) for one in rows if one is not None]
    store.close()
    seal.close()
    return {place for places in found for place in places}


def test_a_mark_would_be_found(aviary: Aviary) -> None:
    """The search itself: a mark in a file of any kind."""
    mark = aviary.marks.new("a file")
    assert aviary.marks.found_in(b"\x00\xff" + mark.encode() + b"\x00") == ["a file"]


def _refused(to: Aviary) -> None:
    """Whatever is refused before a service hears of it, of somebody at risk too."""
    for what, path in (
        ("no route", "/nowhere"),
        ("no answer", "/gone"),
        ("limit", "/crowded"),
        ("limit again", "/crowded"),
        ("too large", "/small"),
        ("no token", "/locked/somebody"),
    ):
        to.send(what, to.post(what, f"{path}", to.cry(what)), own=path != "/crowded")
        to.send(
            what,
            to.post(what, path, b"x" * 200, kind=to.marks.new("type").encode()),
            own=path != "/crowded",
        )
    for what, fields in (
        ("bad token", [(b"Authorization", f"Bearer {to.marks.new('bad token')}".encode())]),
        ("bad scheme", [(b"Authorization", f"Basic {to.marks.new('basic')}".encode())]),
        ("bad length", [(b"Content-Length", to.marks.new("length").encode())]),
        ("bad coding", [(b"Transfer-Encoding", to.marks.new("coding").encode())]),
        ("bad expectation", [(b"Expect", to.marks.new("expect").encode())]),
        ("bad host", [(b"Host", to.marks.new("host").encode() + b"@")]),
    ):
        target = f"/locked/{to.marks.new(f'{what}: path')}".encode()
        to.send(what, head_of(target, method=b"POST", fields=fields))
    to.send("bad method", f"{to.marks.new('method')} /up HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    to.send(
        "bad version",
        f"GET /{to.marks.new('line')} HTTP/{to.marks.new('version')}\r\n\r\n".encode(),
    )
    to.send("bad name", f"GET / HTTP/1.1\r\nHost: a\r\n{to.marks.new('name')} : a\r\n\r\n".encode())
    to.send("bad path", f"GET /%00{to.marks.new('NUL')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    body = chunked_post(b"/up/chunks") + to.marks.new("chunk").encode() + b"\r\n"
    to.send("bad chunk", body)


def _answered_badly(to: Aviary) -> None:
    """Services that say more than they should, in every way that an answer can be bad."""
    mark = to.marks.new

    def fails(call: Call) -> None:
        call.body()
        call.answer(
            mark("body of 500").encode(), status=500, fields=[(b"X-Why", mark("500").encode())]
        )

    def harms(call: Call) -> None:
        call.body()
        told = json.dumps({"text": f"You should kill yourself. {mark('harm')}"}).encode()
        call.answer(told, fields=[(b"Content-Type", b"application/json")])

    def raw(data: Callable[[], bytes]) -> Callable[[Call], None]:
        def script(call: Call) -> None:
            call.body()
            call.send(data())
            call.finish()

        return script

    heads = (
        lambda: f"HTTP/1.1 200 OK\r\n{mark('field name')} : a\r\n\r\n".encode(),
        lambda: f"HTTP/1.1 {mark('status')} OK\r\n\r\n".encode(),
        lambda: f"{mark('protocol')}\r\n\r\n".encode(),
        lambda: f"HTTP/1.1 200 OK\r\nContent-Length: {mark('answered length')}\r\n\r\n".encode(),
        lambda: f"HTTP/1.1 200 OK\r\nX-Half: {mark('half a head')}".encode(),
    )
    cut = lambda: f"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{mark('half')}".encode()  # noqa: E731
    for number, (script, own) in enumerate(
        [(fails, False), (harms, True), *((raw(one), True) for one in heads), (raw(cut), False)]
    ):
        target = to.stage.on(script, under=b"/up/").decode()
        to.send(
            f"answer {number}", to.post(f"answer {number}", target, to.cry(f"{number}")), own=own
        )


def _broken(to: Aviary) -> None:
    """Clients that go in the middle of what they say."""
    for what in ("head", "body"):
        data = to.post(what, "/up/cut", to.cry(what) + b" " * 100)
        with socket.create_connection(("127.0.0.1", to.stage.port)) as sock:
            sock.sendall(data[: len(data) // 2] if what == "head" else data[:-50])


def _shown(to: Aviary) -> None:
    """Who is known: by claims that nobody needs, and by tokens that do not count."""
    target = to.stage.on(lambda call: call.answer(call.body() or b"well"), under=b"/locked/")
    for what, claims in (
        ("good", {"exp": 4e9}),
        ("old", {"exp": 1.0}),
        ("no end", {}),
        ("others'", {"exp": 4e9, "aud": to.marks.new("audience")}),
    ):
        shown = {one: to.marks.new(f"{what}: {one}") for one in ("name", "email", "nonce", "jti")}
        to.send(
            what,
            to.post(
                what,
                target.decode(),
                to.cry(what),
                to.token(sub="somebody", iss="clinic", role="player", **shown, **claims),
            ),
            own=False,
        )
    with to.stage.client() as client:
        client.send(chunked_post(target, fields=[to.token(sub="somebody", exp=4e9)]))
        client.send(
            chunk(to.marks.new("a chunk").encode())
            + b"0\r\n"
            + f"X-After: {to.marks.new('trailer')}\r\n\r\n".encode()
        )


def _commands(marks: Canaries) -> Iterator[dict[str, object]]:
    """What is said to the hub once it knows who speaks."""
    yield {"subscribe": {"channel": "session:one"}}
    for text in (f"well {marks.new('hub: well')}", f"{CRY} {marks.new('hub: cry')}"):
        yield {"publish": {"channel": "session:one", "data": {"text": text}}}
    yield {"publish": {"channel": "none", "data": marks.new("hub: no channel")}}
    yield {"rpc": {"method": marks.new("hub: method"), "data": {}}}
    yield {marks.new("hub: command"): {}}


def _spoken(to: Aviary) -> None:
    """What is said to the hub, rightly and wrongly."""
    url = f"ws://127.0.0.1:{to.stage.port}/connection/websocket"
    (_, bearer) = to.token(sub="somebody", iss="clinic", role="player", exp=4e9)
    good = bearer.decode().partition(" ")[2]
    for shown in (good, to.marks.new("hub: token")):
        told = {"token": shown, "data": {"a": to.marks.new("hub: data")}}
        talk = connect(url, proxy=None, subprotocols=[Subprotocol("centrifuge-json")])
        with talk as hub, contextlib.suppress(ConnectionClosed, TimeoutError):
            hub.send(json.dumps({"id": 1, "connect": told}))
            hub.recv(5)
            for number, said in enumerate(_commands(to.marks)):
                hub.send(json.dumps({"id": number + 2, **said}))
            while True:
                hub.recv(1)
