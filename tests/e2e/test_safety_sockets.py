"""People at risk are heard through sockets: by a real gateway, real clients, a service of threads.

Every way in which a message may come is tried: whole, in fragments, deflated, binary, in a batch,
in either codec, and by requests beside a stream.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.hub_stage import HubStage, hub_stage, token
from tests.helpers.reports_kept import reports_in
from tests.helpers.sdk import KINDS, STREAMS, Sdk
from tests.helpers.slow import wait_until
from tta_gateway.features.realtime.ear import HELP
from tta_gateway.features.safety.detector import load
from tta_gateway.features.safety.judging import SAFE

pytestmark = pytest.mark.e2e
CRISIS: Final = "I want to die."
HARM: Final = "You should kill yourself."
ANSWER: Final = "I am here with you."
LONG: Final = "We walked along the river and looked at the boats. " * 60


def test_the_detector_of_the_package_knows_these_sentences() -> None:
    detector = load()
    assert detector.of_person(CRISIS).level >= 2
    assert detector.of_service(HARM).level >= 2
    assert detector.of_person(LONG).level == detector.of_service(ANSWER).level == 0


# --- a service's own sockets ---


@dataclass
class Chat:
    """A service that writes down what it hears, and answers; asked for `tokens` it does harm."""

    heard: list[str | bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def serve(self, socket: ServerConnection) -> None:
        """Talk to one client."""
        assert socket.request is not None
        self.keys += socket.request.headers.get_all("X-Safety-Key")
        for message in socket:
            self.heard.append(message)
            if isinstance(message, str) and "tokens" in message:
                for text in _cut(HARM):
                    socket.send(said(text))
            socket.send(said(ANSWER))


def said(text: str) -> str:
    """Return a message in the platform's form."""
    return json.dumps({"role": "assistant", "content": {"text": text}})


def _cut(text: str) -> list[str]:
    """Return a text in ten parts, wherever that cuts it."""
    ends = [len(text) * number // 10 for number in range(11)]
    return [text[a:b] for a, b in pairwise(ends)]


@dataclass
class Stage:
    """The gateway, and the service behind it."""

    gateway: Gateway
    chat: Chat
    folder: Path

    @contextlib.contextmanager
    def talk(self, path: str = "/chat", **options: Any) -> Iterator[ClientConnection]:  # noqa: ANN401 - the library's
        """Connect."""
        url = f"ws://127.0.0.1:{self.gateway.port}{path}"
        with connect(url, proxy=None, **options) as socket:
            yield socket

    def kept(self) -> list[tuple[int, bool, str]]:
        """Return level, whether it was delivered, and the text of each record."""
        found = reports_in(self.folder / "state")
        return [(report.level, report.delivered, text) for report, text in found]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A gateway for each test: what is kept is a test's own."""
    chat = Chat()
    with serve(chat.serve, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        gateway = start_gateway(_config(tmp_path, server.socket.getsockname()[1]), tmp_path)
        try:
            yield Stage(gateway, chat, tmp_path)
        finally:
            gateway.stop()
            server.shutdown()


def _config(folder: Path, port: int) -> dict[str, object]:
    limit = {"messages": 1, "per": "1m", "key": ["address"]}
    spoken = {"service": "chat", "auth": "none", "socket": {"profile": "chat"}}
    return {
        "listen": "127.0.0.1:0",
        "state_dir": str(folder / "state"),
        "journal": {"in_memory": "allow"},
        "access_log": {"path": str(folder / "access.log"), "paths": "whole"},
        "services": {
            "chat": {"endpoints": [f"http://127.0.0.1:{port}"]},
            "asked": {"endpoints": [f"http://127.0.0.1:{port}"], "tell_safety": True},
            "away": {"endpoints": [f"http://127.0.0.1:{free_port()}"]},
        },
        "routes": [
            {"path": "/chat", **spoken},
            {"path": "/limited", **spoken, "rate_limit": limit},
            {"path": "/tether", **spoken, "tether": {"resume": "20s"}},
            {"path": "/away", **spoken, "service": "away", "tether": {"reattach": "2s"}},
            {"path": "/asked", **spoken, "service": "asked"},
            {"path": "/asked/tether", **spoken, "service": "asked", "tether": {"resume": "20s"}},
            {"path": "/plain", "service": "chat", "auth": "none"},
            {"path": "/off", **spoken, "safety": {"mode": "off", "reason": "a test of the tests"}},
        ],
    }


def client_says(text: str) -> str:
    return json.dumps({"type": "user_message", "content": {"text": text}})


def received(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [json.loads(socket.recv(5)) for _ in range(count)]


def test_who_is_at_risk_is_delivered_kept_and_helped_before_any_answer(stage: Stage) -> None:
    with stage.talk() as socket:
        socket.send(client_says(CRISIS))
        card, answer = received(socket, 2)
    assert (card["role"], card["metadata"]["safety"]["crisis"]) == ("system", True)
    assert card["metadata"]["safety"]["types"] == ["suicidal_ideation"]
    assert card["content"]["text"]
    assert answer["content"]["text"] == ANSWER
    assert stage.chat.heard == [client_says(CRISIS)]
    ((level, delivered, text),) = stage.kept()
    assert (level >= 2, delivered) == (True, True)
    assert CRISIS in text


def test_without_a_profile_the_card_is_told_from_other_messages_by_its_type(stage: Stage) -> None:
    with stage.talk("/plain") as socket:
        socket.send(CRISIS)
        card, _ = received(socket, 2)
    assert (card["type"], card["level"] >= 2) == ("help", True)
    assert card["help"]["resources"]


def test_a_limit_of_messages_stops_nobody_at_risk(stage: Stage) -> None:
    with stage.talk("/limited") as socket:
        told = []
        for text, count in (("hello", 1), ("hello again", 1), (CRISIS, 2)):
            socket.send(client_says(text))
            told += received(socket, count)
    assert stage.chat.heard == [client_says("hello"), client_says(CRISIS)]
    assert [one["role"] for one in told] == ["assistant", "system", "system", "assistant"]
    assert "refused" in told[1]["metadata"]
    assert told[2]["metadata"]["safety"]["crisis"]


@pytest.mark.parametrize("way", ["fragments", "binary", "plain", "long", "deflated", "escaped"])
def test_in_no_form_does_it_slip_by(stage: Stage, way: str) -> None:
    text = client_says(CRISIS)
    compression = "deflate" if way in ("deflated", "fragments") else None
    with stage.talk(compression=compression) as socket:
        if way == "fragments":
            socket.send([text[:40], text[40:45], text[45:]])
        elif way == "binary":
            socket.send(b"\x08\x01\x12" + CRISIS.encode() + b"\x00\xff")
        elif way in ("long", "deflated"):
            socket.send(client_says(f"{LONG} {CRISIS} {LONG}"))
        elif way == "escaped":
            written = "".join(f"\\u{ord(one):04x}" for one in CRISIS)
            socket.send(f'{{"content":{{"text":"{written}"}}}}')
        else:
            socket.send(CRISIS)
        card, _ = received(socket, 2)
    assert card["metadata"]["safety"]["crisis"]
    assert len(stage.chat.heard) == len(stage.kept()) == 1


def test_a_reply_in_parts_is_not_shown_to_its_end(stage: Stage) -> None:
    with stage.talk() as socket:
        socket.send(client_says("tokens"))
        texts = [one["content"]["text"] for one in received(socket, 11)]
    assert HARM not in "".join(texts)
    assert texts.count(SAFE) == 1
    at = texts.index(SAFE)
    assert set(texts[at + 1 : -1]) == {""}
    assert texts[-1] == ANSWER  # a sentence by itself
    wait_until(lambda: len(stage.kept()) == 1)
    assert [delivered for _, delivered, _ in stage.kept()] == [False]


def test_what_is_not_looked_at_passes_as_it_is(stage: Stage) -> None:
    with stage.talk("/off") as socket:
        socket.send(client_says(CRISIS))
        (answer,) = received(socket, 1)
    assert answer["content"]["text"] == ANSWER
    assert stage.kept() == []


def test_nothing_that_was_said_stands_in_any_log(stage: Stage) -> None:
    marker = "zanzibar"
    with stage.talk() as socket:
        socket.send(client_says(f"{marker}. {CRISIS}"))
        received(socket, 2)
        socket.send(client_says(f"{marker} tokens"))
        received(socket, 11)
    logs = [stage.gateway.log, *stage.folder.glob("*.log")]
    assert logs
    for one in logs:
        text = one.read_text()
        assert marker not in text
        assert CRISIS not in text
    for one in (stage.folder / "state").rglob("*"):
        if one.is_file():
            assert marker.encode() not in one.read_bytes()


# --- tethers ---


@pytest.mark.parametrize("path", ["/asked", "/asked/tether"])
def test_a_service_that_asked_is_told_ahead_of_the_message(stage: Stage, path: str) -> None:
    with stage.talk(path, additional_headers={"X-Safety-Key": "mine"}) as socket:
        socket.send(client_says("hello"))
        socket.send(client_says(CRISIS))
        wait_until(lambda: len(stage.chat.heard) == 3)
    hello, word, said = stage.chat.heard
    assert (hello, said) == (client_says("hello"), client_says(CRISIS))
    told = json.loads(word)
    (key,) = stage.chat.keys
    assert (told["type"], told["level"] >= 2, told["key"]) == ("safety", True, key)
    assert key != "mine"


@pytest.mark.parametrize("path", ["/chat", "/tether"])
@pytest.mark.parametrize("text", [CRISIS, f"{LONG} {CRISIS}"], ids=["short", "long"])
def test_who_says_it_and_goes_at_once_is_delivered(stage: Stage, path: str, text: str) -> None:
    with stage.talk(path) as socket:
        if path == "/tether":
            received(socket, 1)
        socket.send(client_says(text))
    wait_until(lambda: bool(stage.chat.heard))
    assert stage.chat.heard == [client_says(text)]
    assert [delivered for _, delivered, _ in stage.kept()] == [True]


def test_where_the_service_is_away_the_gateway_itself_helps_and_keeps_it(stage: Stage) -> None:
    with stage.talk("/away") as socket:
        socket.send(client_says(CRISIS))
        told = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                told += received(socket, 1)
        assert socket.close_code == 1013
    cards = [one for one in told if one.get("metadata", {}).get("safety", {}).get("crisis")]
    assert len(cards) == 1
    assert "help" in json.dumps(told[-1])  # and nobody is sent away without
    assert told[-1] is not cards[0]
    wait_until(lambda: len(stage.kept()) == 2)
    assert [delivered for _, delivered, _ in stage.kept()] == [True, False]


def test_who_is_cut_off_is_given_the_card_when_they_come_back(stage: Stage) -> None:
    with stage.talk("/tether") as socket:
        (attached,) = received(socket, 1)
        socket.send(client_says(f"{LONG} {CRISIS}"))
        socket.socket.shutdown(SHUT_RDWR)
    wait_until(lambda: len(stage.kept()) == 1)
    with stage.talk(f"/tether?resume={attached['content']['resume']}") as socket:
        _, card = received(socket, 2)
    assert card["metadata"]["safety"]["crisis"]


# --- the hub ---


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStage]:
    """A gateway whose care team hears of people at risk."""
    more = {"care": "alerts:crisis"}
    with hub_stage(tmp_path_factory.mktemp("hub"), more=more) as made:
        yield made


@pytest.mark.parametrize("kind", [*KINDS, *STREAMS])
def test_whoever_says_it_by_any_sdk_is_helped_and_heard(hub: HubStage, kind: str) -> None:
    name = f"ada-{kind}"
    with Sdk(kind) as sdk:
        ada = sdk.client(name, hub.url, token(name))
        ada.connected()
        with Sdk("python-json") as others:
            tess = others.client(f"tess-{kind}", hub.url, token(f"tess-{kind}", "therapist"))
            tess.connected()
            tess.reads("alerts:crisis")
            tess.reads(f"session:{kind}")
            ada.publish(f"session:{kind}", {"text": CRISIS})
            assert tess.heard(f"session:{kind}", 1)[0][1] == {"text": CRISIS}
            told = tess.wait("publication", channel="alerts:crisis")["data"]
        card = ada.wait("letter", channel=HELP)
        sdk.close_all()
    assert (told["type"], told["subject"], told["level"] >= 2) == ("safety", name, True)
    assert "text" not in told
    assert card["data"]["type"] == "help"
    assert card["data"]["help"]["resources"]
    kept = [text for report, text in reports_in(hub.gateway.state) if report.person.endswith(name)]
    assert len(kept) == 1


def test_the_guard_is_told_of_what_a_service_publishes_and_nobody_is_shown(hub: HubStage) -> None:
    body = {"channel": "session:harm", "data": {"text": HARM}}
    answer = hub.gateway.ask(
        "POST", "/api/v1/realtime/publish", body, token=token("chat", "service")
    )
    assert answer.status == 200
    found = [
        one for one in reports_in(hub.gateway.state) if one[0].person == "channel session:harm"
    ]
    ((report, text),) = found
    assert (report.source, report.delivered) == ("reply", False)
    assert HARM in text


def test_who_may_not_connect_is_told_where_help_is(hub: HubStage) -> None:
    old = token("late", lasts=-60.0)
    with connect(hub.direct, proxy=None) as socket:
        socket.send(json.dumps({"id": 1, "connect": {"token": old}}))
        error = json.loads(socket.recv(5))["error"]
    assert (error["code"], error["help"]["level"]) == (109, 0)
    assert error["help"]["resources"]


@pytest.mark.parametrize("kind", [*KINDS, *STREAMS])
def test_whoever_may_not_connect_is_told_where_help_is_by_any_sdk(hub: HubStage, kind: str) -> None:
    """A token that is believed nowhere ends the connection, one that has ended is an error."""
    forged = token("late")[:-8] + "AAAAAAAA"
    with Sdk(kind) as sdk:
        ended = sdk.client("forged", hub.direct, forged).wait("disconnected")
        assert ended["code"] == 3500
        assert ended["reason"].startswith("invalid token. Support is available: ")
        assert "findahelpline.com" in ended["reason"]
        late = sdk.client("late", hub.direct, token("late", lasts=-60.0), token("late"))
        if "protobuf" in kind:
            assert "findahelpline.com" in late.wait("error")["error"]
        late.wait("connected")  # it goes on as ever


def test_in_a_batch_and_by_calls_it_is_heard_too(hub: HubStage) -> None:
    shown = {"id": 1, "connect": {"token": token("batch")}}
    message = {"channel": "session:batch", "id": "m1", "data": {"text": CRISIS}}
    batch = [
        shown,
        {"id": 2, "publish": {"channel": "session:batch", "data": "hello"}},
        {"id": 3, "rpc": {"method": "message.send", "data": message}},
        {"id": 4, "publish": {"channel": "session:batch", "data": "hello"}},
    ]
    with connect(hub.direct, proxy=None) as socket:
        socket.send("\n".join(map(json.dumps, batch)))
        told: list[dict[str, Any]] = []
        while not any(one.get("id") == 4 for one in told):
            told += [json.loads(line) for line in str(socket.recv(10)).split("\n")]
    at = [next(iter(one.get("push", one))) for one in told]
    channels = [one["push"]["channel"] for one in told if "push" in one]
    assert channels == [HELP, HELP]
    ids = [one.get("id", 0) for one in told]
    assert ids.index(0) < ids.index(3) < ids.index(4), at
    kept = [
        report for report, _ in reports_in(hub.gateway.state) if report.person.endswith("batch")
    ]
    assert [report.delivered for report in kept] == [True]


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("gone-1", CRISIS, [True]),
        ("gone-2", "nice day today", []),
        ("gone-3", f"{LONG} {CRISIS}", [True]),
    ],
    ids=["crisis", "ordinary", "long"],
)
def test_who_leaves_at_once_is_heard_by_others_all_the_same(
    hub: HubStage, name: str, text: str, kept: list[bool]
) -> None:
    with Sdk("python-json") as sdk:
        tess = sdk.client(f"tess-{name}", hub.url, token(f"tess-{name}", "therapist"))
        tess.connected()
        tess.reads(f"session:{name}")
        with connect(hub.direct, proxy=None) as socket:
            socket.send(json.dumps({"id": 1, "connect": {"token": token(name)}}))
            socket.recv(5)
            said = {"channel": f"session:{name}", "data": {"text": text}}
            socket.send(json.dumps({"id": 2, "publish": said}))
        assert tess.heard(f"session:{name}", 1)[0][1] == {"text": text}
        sdk.close_all()
    found = [one for one, _ in reports_in(hub.gateway.state) if one.person.endswith(name)]
    assert [one.delivered for one in found] == kept
