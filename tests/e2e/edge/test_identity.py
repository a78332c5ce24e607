"""Who is asking: tokens of issuers, shown as clients show them, on routes that ask for them."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from joserfc.jws import JWSRegistry
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import PATIENCE
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

SECRET: Final = "a secret of the platform as it is today"
HOME: Final = "https://id.example.org"
LEEWAY: Final = 1  # seconds that clocks may differ
WHERE: Final = ("required", "optional", "none")


@dataclass
class Issuer:
    """Somebody who issues tokens, and writes its keys into a file."""

    file: Path
    key: OKPKey

    def publish(self, *keys: OKPKey) -> None:
        """Have these be its keys."""
        shown = {"keys": [one.as_dict(private=False) for one in keys or (self.key,)]}
        self.file.write_text(json.dumps(shown))

    def token(self, key: OKPKey | None = None, **changed: object) -> str:
        """Return a good access token, with changed claims."""
        signer, now = key or self.key, int(time.time())
        told = {"iss": HOME, "aud": "tta", "sub": "p1", "iat": now, "exp": now + 600, **changed}
        header = {"alg": "Ed25519", "kid": signer.as_dict()["kid"], "typ": "at+jwt"}
        return jwt.encode(header, told, signer, registry=JWSRegistry(algorithms=["Ed25519"]))


def a_key(key_id: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": key_id})


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """One that the gateway believes."""
    made = Issuer(tmp_path / "keys.json", a_key("k1"))
    made.publish()
    return made


@pytest.fixture
def guarded(tmp_path: Path, issuer: Issuer) -> Iterator[Stage]:
    """A gateway with a route of each kind to an echo of WebSockets, and its issuers."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    with serve(_echo, "127.0.0.1", 0, select_subprotocol=_chosen) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        with (
            scripted() as upstream,
            stage(
                tmp_path,
                *({"path": f"/{auth}/{{rest:path}}", "auth": auth} for auth in WHERE),
                {"path": "/socket", "auth": "required", "service": "echo"},
                {
                    "path": "/queried",
                    "auth": "required",
                    "auth_query": {"token": "token", "subject": "player_id"},
                    "service": "echo",
                },
                upstream=upstream,
                services={
                    "up": {"endpoints": [upstream.url]},
                    "echo": {"endpoints": [f"http://127.0.0.1:{port}"]},
                },
                identity={
                    "issuers": [
                        {
                            "name": "home",
                            "issuer": HOME,
                            "audience": ["tta"],
                            "keys": {"file": str(issuer.file)},
                            "clock_skew": f"{LEEWAY}s",
                        },
                        {"name": "today", "secret": {"file": str(secret)}, "expiry": "optional"},
                    ]
                },
            ) as running,
        ):
            yield running
        server.shutdown()


def _chosen(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol("chat") if "chat" in offered else None


def _echo(socket: ServerConnection) -> None:
    if socket.request and socket.request.path.startswith("/queried"):
        socket.send(socket.request.path)
    told = socket.request.headers.get("sec-websocket-protocol", "-") if socket.request else "-"
    socket.send(told)
    for message in socket:
        socket.send(message)


def ask(one: Stage, auth: str, *values: str) -> tuple[int, str, bytes]:
    """Ask with these values of Authorization; return the status, the code and the challenge."""
    fields = [(b"Authorization", value.encode()) for value in values]
    with one.client() as client:
        answer = client.get(f"/{auth}/a".encode(), fields=fields)
    body = json.loads(answer.body) if answer.status == 401 else {}
    return answer.status, body.get("code", ""), answer.value(b"www-authenticate") or b""


def today() -> str:
    """Return a token as the platform issues them today."""
    told = {"sub": "p1", "player_id": "p1", "role": "player", "exp": int(time.time()) + 1800}
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, told, OctKey.import_key(SECRET))


def test_whoever_shows_a_good_token_gets_through(guarded: Stage, issuer: Issuer) -> None:
    for token in (issuer.token(), today()):
        assert [ask(guarded, auth, f"Bearer {token}")[0] for auth in WHERE] == [200] * 3


def test_who_shows_none_gets_through_where_none_is_needed(guarded: Stage) -> None:
    assert [ask(guarded, auth)[0] for auth in WHERE] == [401, 200, 200]
    assert ask(guarded, "required") == (401, "identity_token_missing", b"Bearer")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"exp": 1}, "identity_token_expired"),
        ({"aud": "elsewhere"}, "identity_token_elsewhere"),
        ({"iss": "https://elsewhere.example"}, "identity_token_elsewhere"),
        ({"type": "refresh"}, "identity_token_purpose"),
        ({"nbf": 9_999_999_999}, "identity_token_early"),
        ({"exp": 9_999_999_999}, "identity_token_lasting"),
        ({"sub": 7}, "identity_token_nobody"),
    ],
)
def test_one_that_is_no_good_is_refused_and_says_why(
    guarded: Stage, issuer: Issuer, changed: dict[str, object], code: str
) -> None:
    token = issuer.token(None, **changed)
    for auth in ("required", "optional"):
        said = ask(guarded, auth, f"Bearer {token}")
        assert said == (401, code, b'Bearer error="invalid_token"')
    assert ask(guarded, "none", f"Bearer {token}")[0] == 200  # nobody looks


def test_what_is_none_is_refused(guarded: Stage, issuer: Issuer) -> None:
    good = f"Bearer {issuer.token()}"
    assert ask(guarded, "required", "Bearer nonsense")[1] == "identity_token_malformed"
    assert ask(guarded, "required", good, good)[0] == 400  # two fields of which there is one
    assert ask(guarded, "required", "Basic dTpw")[1] == "identity_token_missing"
    refused = ask(guarded, "required", good[:-8])[1]  # as its last digit falls
    assert refused in ("identity_token_unproved", "identity_token_malformed")
    assert ask(guarded, "required", f"Bearer {issuer.token(a_key('k1'))}")[0] == 401


def test_keys_are_changed_by_a_reload_and_no_request_is_lost(
    guarded: Stage, issuer: Issuer
) -> None:
    """A new key counts beside the old one; then the old one is rotated away."""
    new = a_key("k2")
    old, then = f"Bearer {issuer.token()}", f"Bearer {issuer.token(new)}"
    assert (ask(guarded, "required", old)[0], ask(guarded, "required", then)[0]) == (200, 401)
    for keys, wanted in (((issuer.key, new), (200, 200)), ((new,), (401, 200))):
        issuer.publish(*keys)
        os.kill(guarded.gateway.process.pid, signal.SIGHUP)
        assert wait_until(
            lambda wanted=wanted: (
                tuple(ask(guarded, "required", one)[0] for one in (old, then))  # type: ignore[misc]
                == wanted
            )
        )


def test_a_page_shows_its_token_among_the_protocols(guarded: Stage, issuer: Issuer) -> None:
    """The service sees none of it; where it chooses no protocol, the page hears of the marker."""
    url, token = f"ws://127.0.0.1:{guarded.port}/socket", issuer.token()
    for others, seen, chosen in (((), "-", "bearer"), (("chat",), "chat", "chat")):
        offered = [Subprotocol(one) for one in ("bearer", token, *others)]
        with connect(url, subprotocols=offered, open_timeout=PATIENCE) as socket:
            assert (socket.recv(PATIENCE), socket.subprotocol) == (seen, chosen)
            socket.send("hello")
            assert socket.recv(PATIENCE) == "hello"


def test_a_socket_may_show_its_token_in_the_address_where_that_is_said(
    guarded: Stage, issuer: Issuer
) -> None:
    """The service does not see it there, nothing writes it down, and it is for nobody else."""
    url, token = f"ws://127.0.0.1:{guarded.port}", issuer.token(sub="p1")
    shown = f"a=1&token={token}&player_id=home:p1"
    with connect(f"{url}/queried?{shown}", open_timeout=PATIENCE) as socket:
        assert socket.recv(PATIENCE) == "/queried?a=1&player_id=home:p1"
    for path, status in (
        (f"/queried?token={token}&player_id=home:p2", 403),
        (f"/socket?token={token}", 401),
    ):
        with pytest.raises(InvalidStatus) as raised:
            connect(f"{url}{path}", open_timeout=PATIENCE)
        assert raised.value.response.status_code == status
    assert len(guarded.lines(b"/queried", count=2)) == 2
    written = guarded.gateway.log.read_text() + guarded.access_log.read_text()
    assert token.rpartition(".")[2] not in written


def test_a_socket_is_not_opened_without_one(guarded: Stage, issuer: Issuer) -> None:
    url = f"ws://127.0.0.1:{guarded.port}/socket"
    offered = [Subprotocol("bearer"), Subprotocol(issuer.token(exp=1))]
    for protocols in (None, offered):
        with pytest.raises(InvalidStatus) as raised:
            connect(url, subprotocols=protocols, open_timeout=PATIENCE)
        assert raised.value.response.status_code == 401


def closed(socket: ClientConnection) -> tuple[int, float]:
    """Wait until it is closed; return the code, and when that came."""
    socket.recv(PATIENCE)  # what the service says first
    with pytest.raises(ConnectionClosed) as raised:
        socket.recv(PATIENCE)
    assert raised.value.rcvd is not None
    return raised.value.rcvd.code, time.time()


def test_a_socket_ends_with_its_token(guarded: Stage, issuer: Issuer) -> None:
    """Red without `self.streams.tick` in node/assemble_worker.py."""
    url, ends = f"ws://127.0.0.1:{guarded.port}/socket", int(time.time()) + 3
    short = [Subprotocol("bearer"), Subprotocol(issuer.token(exp=ends))]
    long = [Subprotocol("bearer"), Subprotocol(issuer.token())]
    with (
        connect(url, subprotocols=short, open_timeout=PATIENCE) as socket,
        connect(url, subprotocols=long, open_timeout=PATIENCE) as other,
    ):
        code, when = closed(socket)
        assert code == 3000
        assert 0 <= when - ends - LEEWAY < 1
        other.recv(PATIENCE)
        other.send("still there")
        assert other.recv(PATIENCE) == "still there"
    line = guarded.lines(b"/socket")[0]
    assert line["code"] == "identity_token_expired"


def test_an_answer_that_goes_on_ends_with_its_token(guarded: Stage, issuer: Issuer) -> None:
    """Red without `_is_of_events` in features/identity/policy.py."""
    ends = int(time.time()) + 2
    field = (b"Authorization", f"Bearer {issuer.token(exp=ends)}".encode())

    def events(call: Call) -> None:
        call.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        call.send(b"transfer-encoding: chunked\r\n\r\nb\r\ndata: one\n\n\r\n")
        call.gone(2 * PATIENCE)

    target = guarded.on(events, under=b"/required/")
    with guarded.client() as client:
        client.ask(target, fields=[field])
        assert client.head().status == 200
        client.read_until(b"one\n\n")
        assert client.end(2 * PATIENCE) is End.RESET
    assert 0 <= time.time() - ends - LEEWAY < 1


def test_who_is_believed_no_longer_has_nothing_open(
    guarded: Stage, issuer: Issuer, tmp_path: Path
) -> None:
    """Red without `self.streams.disbelieved` in node/assemble_worker.py."""
    url = f"ws://127.0.0.1:{guarded.port}/socket"
    both = [[Subprotocol("bearer"), Subprotocol(one)] for one in (issuer.token(), today())]
    with (
        connect(url, subprotocols=both[0], open_timeout=PATIENCE) as stays,
        connect(url, subprotocols=both[1], open_timeout=PATIENCE) as socket,
    ):
        file = tmp_path / "gateway.yaml"
        told = yaml.safe_load(file.read_text())
        told["identity"]["issuers"] = told["identity"]["issuers"][:1]
        file.write_text(yaml.safe_dump(told))
        os.kill(guarded.gateway.process.pid, signal.SIGHUP)
        assert closed(socket)[0] == 1008
        stays.recv(PATIENCE)
        stays.send("still there")
        assert stays.recv(PATIENCE) == "still there"


def test_no_token_stands_in_what_the_gateway_writes(
    guarded: Stage, issuer: Issuer, tmp_path: Path
) -> None:
    token = issuer.token()
    ask(guarded, "required", f"Bearer {token}")
    ask(guarded, "required", f"Bearer {token}x")
    assert len(guarded.lines(b"/required/a", count=2)) == 2
    written = guarded.gateway.log.read_text() + guarded.access_log.read_text()
    assert token.rpartition(".")[2] not in written
    assert SECRET not in written
    kept = (tmp_path / "state" / "snapshot.kept").read_bytes()
    assert SECRET.encode() not in kept
