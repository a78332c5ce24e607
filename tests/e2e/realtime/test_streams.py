"""Clients to whom no WebSocket is let: npm's SDK, unmodified, by http_stream and by SSE.

What they send comes to either worker as it happens, whichever holds their stream.
"""

import contextlib
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.helpers.hub_stage import HubStage, token
from tests.helpers.issuing_gateway import Answer
from tests.helpers.listening import Listening
from tests.helpers.scripted_upstream import Call
from tests.helpers.sdk import STREAMS, Sdk, SdkClient, Told, way
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e
MANY = 40
"""requests, each by a connection of its own: they do not all come to the same worker"""


@pytest.fixture(scope="module", params=STREAMS)
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    """The SDK by each way round."""
    with Sdk(request.param) as made:
        yield made


def join(stage: HubStage, sdk: Sdk, *names: str) -> list[SdkClient]:
    """Clients of these people, connected."""
    made = [sdk.client(one, stage.url, token(one)) for one in names]
    for one in made:
        one.connected()
    return made


def numbers(first: int, last: int) -> list[tuple[int, int]]:
    """What is heard of numbers that were published at the offsets that they are."""
    return [(one, one) for one in range(first, last + 1)]


def test_they_read_write_and_know_who_is_there(stage: HubStage, sdk: Sdk, name: str) -> None:
    channel = f"session:{name}"
    ada, ben = join(stage, sdk, name, f"ben-{name}")
    assert ada.connected()["transport"] == sdk.transport
    for one in (ada, ben):
        one.reads(channel)
    for number in range(1, 21):
        (ada if number % 2 else ben).publish(channel, number)
    assert ada.heard(channel, 20) == ben.heard(channel, 20) == numbers(1, 20)
    both = sorted([name, ben.name])
    assert wait_until(lambda: ada.ask("presence", channel=channel) == both)
    assert ada.ask("history", channel=channel, limit=5)["publications"] == [
        [one, one] for one in range(1, 6)
    ]
    assert ada.refusal("rpc", method="nothing") == 108
    for turn in range(5):
        ada.ask("leave", channel=channel)
        # Before she asks again: of what is sent in requests at once, any may come first.
        ben.wait("leave", channel=channel, user=name, count=turn + 1)
        ada.reads(channel)
        ben.publish(channel, 21 + turn)
    assert ada.heard(channel, 25) == numbers(1, 25)
    ada.close()
    ben.wait("leave", channel=channel, user=name, count=6)
    assert ben.ask("presence", channel=channel) == [ben.name]


def test_who_was_cut_off_is_given_what_was_said_meanwhile(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    channel = f"session:{name}"
    (ada,) = join(stage, sdk, name)
    # By a WebSocket: of what is sent in requests at once, any may come first.
    writer = sdk.client(f"writer-{name}", [way("websocket", stage.direct)], token(f"by-{name}"))
    ada.reads(channel)
    sent = 0
    for _ in range(2):
        writer.publish(channel, *range(sent + 1, sent + 21))
        stage.line.drop()
        writer.publish(channel, *range(sent + 21, sent + 61))
        sent += 60
    assert ada.heard(channel, sent) == numbers(1, sent)
    assert all(told["recovered"] for told in ada.events("subscribed", channel=channel)[1:])


def test_who_is_not_believed_is_sent_away_for_good(stage: HubStage, sdk: Sdk, name: str) -> None:
    one = sdk.client(name, stage.url, "x.y.z")
    assert one.wait("disconnected")["code"] == 3500
    assert not one.events("connected")


def test_a_logout_ends_the_stream_within_a_second(stage: HubStage, sdk: Sdk, name: str) -> None:
    stage.gateway.user(name)
    shown = str(stage.gateway.login(name).told["access_token"])
    one = sdk.client(name, stage.url, shown, shown)
    one.reads(f"session:{name}")
    assert stage.gateway.ask("POST", "/api/v1/auth/logout", {}, token=shown).status == 200
    assert one.wait("disconnected", patience=1.0)["code"] == 3500


def test_signs_of_life_are_asked_for_and_given(stage: HubStage, name: str) -> None:
    """Pings come every four seconds here, and who does not answer in three is sent away."""
    with contextlib.ExitStack() as stack:
        sdks = [stack.enter_context(Sdk(kind)) for kind in STREAMS]
        clients = [join(stage, one, f"{name}-{at}")[0] for at, one in enumerate(sdks)]
        assert not wait_until(lambda: any(len(one.events("connecting")) > 1 for one in clients), 8)


def test_who_is_let_no_web_socket_comes_by_the_next_way(stage: HubStage, name: str) -> None:
    def refuse(call: Call) -> None:
        call.answer(b"", status=403)

    target = stage.gateway.stage.on(refuse).decode()
    closed = f"http://127.0.0.1:{stage.gateway.stage.port}{target}"
    socket = {"transport": "websocket", "endpoint": closed.replace("http", "ws")}
    with Sdk("node-json-sse") as sdk:
        stream = [socket, way("http_stream", stage.url), way("sse", stage.url)]
        ada = sdk.client(name, stream, token(name))
        assert ada.connected()["transport"] == "http_stream"
        stream[1] = {"transport": "http_stream", "endpoint": closed}
        ben = sdk.client(f"ben-{name}", stream, token(f"ben-{name}"))
        assert ben.connected()["transport"] == "sse"
        for one in (ada, ben):
            one.reads(f"session:{name}")
        ada.publish(f"session:{name}", 1)
        assert ben.heard(f"session:{name}", 1) == [(1, 1)]


# --- Without an SDK ------------------------------------------------------------------------------


@pytest.fixture
def listening(stage: HubStage, name: str) -> Iterator[Listening]:
    """Somebody who listens."""
    with Listening(stage.gateway.stage.port, {"token": token(name)}) as made:
        yield made


def send(stage: HubStage, listening: Listening, *commands: Told, **other: str) -> Answer:
    """Send commands in somebody's name."""
    return stage.gateway.ask("POST", "/emulation", listening.words(*commands, **other))


def test_what_is_sent_comes_to_the_worker_that_holds_the_session(
    stage: HubStage, listening: Listening
) -> None:
    for number in range(2, 2 + MANY):
        assert send(stage, listening, {"id": number, "ping": {}}).status == 204
        assert listening.next() == {"id": number, "ping": {}}


def test_whoever_does_not_know_the_secret_sends_nothing(
    stage: HubStage, listening: Listening
) -> None:
    for other in ({"session": "guessed"}, {"node": "guessed"}, {"session": listening.node}):
        answer = send(stage, listening, {"id": 2, "ping": {}}, **other)
        assert answer.status == (503 if "node" in other else 404)
        assert answer.code.startswith("realtime_session_un")
    assert send(stage, listening, {"id": 3, "ping": {}}).status == 204
    assert listening.next() == {"id": 3, "ping": {}}


def test_what_is_not_of_the_form_is_refused_in_words(stage: HubStage) -> None:
    ask = stage.gateway.ask
    assert ask("POST", "/emulation", {}).code == "realtime_malformed"
    assert ask("POST", "/connection/http_stream").code == "realtime_no_commands"
    assert ask("GET", "/connection/sse").code == "realtime_no_commands"
    assert ask("POST", "/emulation", {"session": "a", "data": "x" * 70_000}).status == 413


@pytest.mark.parametrize(
    "fields", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_page_of_elsewhere_begins_and_sends_nothing(
    stage: HubStage, name: str, fields: dict[str, str]
) -> None:
    connect = {"id": 1, "connect": {"token": token(name)}}
    ask = stage.gateway.ask
    target = f"/connection/sse?cf_connect={quote(json.dumps(connect))}"
    for method, path, body in (
        ("GET", target, None),
        ("POST", "/connection/http_stream", connect),
        ("POST", "/emulation", {"session": "a"}),
    ):
        answer = ask(method, path, body, fields=fields)
        assert (answer.status, answer.code) == (403, "stream_origin_refused")


def test_nobody_between_may_keep_or_hold_back_what_is_told(listening: Listening) -> None:
    fields = {name.lower(): value for name, value in listening.answer.getheaders()}
    assert fields["cache-control"] == "no-store, no-transform"
    assert fields["x-accel-buffering"] == "no"
    assert fields["content-type"] == "application/x-ndjson"
    assert "content-encoding" not in fields
