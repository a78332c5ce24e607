"""Services are asked what comes of what clients want, as Centrifugo asks them: with real processes.

The service knows nothing but the published contract, the clients are SDKs, unmodified.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import free_port
from tests.helpers.hub_stage import HubStage, hub_stage, token
from tests.helpers.scripted_upstream import Call
from tests.helpers.sdk import Sdk, SdkClient
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

INTERNAL, DENIED, UNAVAILABLE = 100, 103, 108
OPERATIONS: Final = ("connect", "refresh", "subscribe", "publish", "rpc")
Said = dict[str, Any]
Speaks = Callable[[Said], object]


def asked(operation: str, **more: object) -> dict[str, object]:
    return {"service": "up", "path": f"/centrifugo/{operation}", **more}


def ask(operation: str, **more: object) -> dict[str, object]:
    return {"ask": asked(operation, **more)}


GONE: Final = {"ask": {"service": "gone", "path": "/centrifugo/publish"}}
REALTIME: Final = {
    "connect": asked("connect", headers=["User-Agent"]),
    "refresh": asked("refresh"),
    "procedures": {
        "chat.": ask("rpc", timeout="1s"),
        "patient.": ask("rpc", timeout="8s"),
        "team.call": {**ask("rpc"), "roles": ["therapist"]},
    },
    "channels": {
        "room:{room_id}": {
            "subscribe": ask("subscribe"),
            "publish": ask("publish"),
            "presence": {},
            "keep": {"size": 100, "time": "5m"},
        },
        "team:{name}": {"subscribe": {"roles": ["therapist"]}},
        "gone:{name}": {"publish": GONE},
    },
}


@dataclass(slots=True)
class Chat:
    """A service of the platform, and what it was asked."""

    stage: HubStage
    says: dict[str, Speaks] = field(default_factory=dict)
    asked: list[tuple[str, Said]] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)

    def answer(self, call: Call) -> None:
        """Answer as the test says; who is asked to hang waits until nobody waits for it."""
        operation = call.head.target.rpartition(b"/")[2].decode()
        body = json.loads(call.body())
        fields = {name.decode().lower(): value.decode() for name, value in call.head.fields}
        self.asked.append((operation, body))
        self.fields.append(fields)
        speaks = self.says.get(operation)
        said = {"result": {}} if speaks is None else speaks(body)
        if said is None:
            call.gone()
            return
        written = said if isinstance(said, bytes) else json.dumps(said).encode()
        call.answer(written, fields=[(b"Content-Type", b"application/json")])

    def of(self, operation: str) -> list[Said]:
        """What it was asked of that."""
        return [body for name, body in self.asked if name == operation]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    beside = {"gone": {"endpoints": [f"http://127.0.0.1:{free_port()}"]}}
    with hub_stage(tmp_path_factory.mktemp("asked"), more=REALTIME, beside=beside) as stage:
        made = Chat(stage)
        for operation in OPERATIONS:
            stage.gateway.stage.upstream.answers(f"/centrifugo/{operation}".encode(), made.answer)
        yield made


@pytest.fixture
def chat(running: Chat) -> Chat:
    running.says.clear()
    running.asked.clear()
    running.fields.clear()
    return running


@pytest.fixture(scope="module", params=["python-json", "python-protobuf", "node-json"])
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    with Sdk(request.param) as made:
        yield made


def join(
    chat: Chat, sdk: Sdk, *names: str, role: str = "player", data: object = None
) -> list[SdkClient]:
    """Clients of these people, connected."""
    url = chat.stage.direct
    made = [sdk.client(one, url, token(one, role), data=data) for one in names]
    for one in made:
        one.connected()
    return made


def test_a_service_hears_who_connects_and_greets_and_is_told_what_a_request_is(
    chat: Chat, sdk: Sdk, name: str
) -> None:
    room = f"room:{name}"
    chat.says["connect"] = lambda _: {
        "result": {
            "user": "somebody-else",
            "data": {"hello": name},
            "meta": {"seen": name},
            "channels": [room, "team:x"],
        }
    }
    (ada,) = join(chat, sdk, f"ada-{name}", data={"from": "app"})
    assert ada.wait("greeted")["data"] == {"hello": name}
    (asked,) = chat.of("connect")
    assert asked["transport"] == "websocket"
    assert asked["data"] == {"from": "app"}
    assert asked["client"] == ada.connected()["connection"]
    (fields,) = chat.fields
    assert fields["authorization"].startswith("Bearer ")
    assert fields["content-type"] == "application/json"
    assert {"x-request-id", "traceparent", "x-forwarded-for"} <= set(fields)
    assert ("user-agent" in fields) is sdk.kind.startswith("python")  # node's names none
    # it reads the channel that its rule lets it read, as who its token says, and not the other
    chat.says.clear()
    (ben,) = join(chat, sdk, f"ben-{name}")
    assert wait_until(lambda: ben.ask("presence", channel=room) == [f"ada-{name}"])
    ada.publish(room, 1)
    assert chat.of("publish")[0]["meta"] == {"seen": name}
    ada.close()


def test_what_is_published_is_what_the_service_makes_of_it(chat: Chat, sdk: Sdk, name: str) -> None:
    room = f"room:{name}"
    ada, ben = join(chat, sdk, f"ada-{name}", f"ben-{name}")
    ada.reads(room)
    chat.says["publish"] = lambda body: {"result": {"data": {"clean": body["data"]}}}
    ben.publish(room, "hi")
    chat.says.clear()
    ben.publish(room, "plain")
    assert [data for _, data in ada.heard(room, 2)] == [{"clean": "hi"}, "plain"]
    first = chat.of("publish")[0]
    assert (first["channel"], first["user"], first["data"]) == (room, f"ben-{name}", "hi")
    assert [one["channel"] for one in chat.of("subscribe")] == [room]


def test_a_service_refuses_by_an_error_of_its_own(chat: Chat, sdk: Sdk, name: str) -> None:
    room = f"room:{name}"
    (ada,) = join(chat, sdk, name)
    refused = {"error": {"code": 403, "message": "not in this room"}}
    chat.says |= dict.fromkeys(("subscribe", "publish", "rpc"), lambda _: refused)
    assert ada.denied(room) == 403
    assert ada.refusal("publish", channel=room, data=[1]) == 403
    assert ada.refusal("rpc", method="chat.close") == 403
    chat.says.clear()
    ada.publish(room, 2)  # all the rest goes on


def test_a_service_ends_a_connection(chat: Chat, sdk: Sdk, name: str) -> None:
    (ada,) = join(chat, sdk, name)
    chat.says["publish"] = lambda _: {"disconnect": {"code": 4501, "reason": "banned"}}
    assert not ada.tries_to_publish(f"room:{name}", 1)
    ended = ada.wait("disconnected")
    assert (ended["code"], ended["reason"]) == (4501, "banned")
    chat.says["connect"] = chat.says["publish"]
    other = sdk.client(f"b{name}", chat.stage.direct, token(f"b{name}"))
    assert other.wait("disconnected")["code"] == 4501


def test_a_service_says_whether_a_connection_goes_on(chat: Chat, sdk: Sdk, name: str) -> None:
    shown = [token(name, lasts=lasts) for lasts in (4.0, 300.0, 300.0)]
    ada = sdk.client(name, chat.stage.direct, *shown)
    ada.connected()
    chat.says["refresh"] = lambda _: {"result": {"expired": True}}
    ada.wait("connecting", code=3005)
    (asked,) = chat.of("refresh")
    assert asked["user"] == name
    ada.connected(2)  # as it came; what a connection may be is asked anew
    assert len(chat.of("connect")) == 2


def test_what_is_sent_once_is_what_the_service_makes_of_it(chat: Chat, sdk: Sdk, name: str) -> None:
    room = f"room:{name}"
    (ada,) = join(chat, sdk, name)
    ada.reads(room)
    chat.says["publish"] = lambda body: {"result": {"data": {"clean": body["data"]}}}
    message = {"channel": room, "id": "m1", "data": "hi"}
    assert ada.ask("call", method="message.send", data=message)["offset"] == 1
    assert ada.ask("call", method="message.send", data=message)["repeated"]
    assert ada.heard(room, 1) == [(1, {"clean": "hi"})]


def test_a_service_does_what_clients_call(chat: Chat, sdk: Sdk, name: str) -> None:
    (ada,) = join(chat, sdk, name)
    chat.says["rpc"] = lambda body: {"result": {"data": {"got": body["data"]}}}
    assert ada.ask("call", method="chat.sum", data={"of": [1, 2]}) == {"got": {"of": [1, 2]}}
    (asked,) = chat.of("rpc")
    assert (asked["method"], asked["user"]) == ("chat.sum", name)
    assert ada.refusal("rpc", method="other") == UNAVAILABLE
    assert ada.refusal("rpc", method="team.call") == DENIED  # nobody is asked
    assert len(chat.of("rpc")) == 1
    (tess,) = join(chat, sdk, f"tess-{name}", role="therapist")
    assert tess.ask("rpc", method="team.call") == {"got": {}}


def test_who_waits_for_a_service_in_vain_is_told(chat: Chat, sdk: Sdk, name: str) -> None:
    (ada,) = join(chat, sdk, name)
    chat.says["rpc"] = lambda _: None
    began = time.monotonic()
    assert ada.refusal("rpc", method="chat.slow") == INTERNAL
    assert time.monotonic() - began > 0.5  # a second, as the sweeper counts it
    chat.says.clear()
    ada.publish(f"room:{name}", 2)


def test_who_waits_for_a_service_holds_up_nobody_else(chat: Chat, sdk: Sdk, name: str) -> None:
    ada, ben = join(chat, sdk, f"ada-{name}", f"ben-{name}")
    published = threading.Event()

    def once_published(_: Said) -> object:
        assert published.wait(PATIENCE)
        return {"result": {"data": "at last"}}

    chat.says["rpc"] = once_published
    with ThreadPoolExecutor() as pool:
        late = pool.submit(ada.ask, "rpc", method="patient.wait")
        assert wait_until(lambda: bool(chat.of("rpc")))
        ben.publish(f"room:{name}", 1)  # it is asked about too, and answered
        published.set()
        assert late.result() == "at last"


def test_what_one_publishes_stays_in_order_however_long_a_service_thinks(
    chat: Chat, sdk: Sdk, name: str
) -> None:
    room = f"room:{name}"
    ada, ben = join(chat, sdk, f"ada-{name}", f"ben-{name}")
    ben.reads(room)

    def slowly(body: Said) -> object:
        time.sleep(0.2 if body["data"] == 1 else 0.0)
        return {"result": {}}

    chat.says["publish"] = slowly
    ada.publish(room, 1, 2, 3)
    assert [data for _, data in ben.heard(room, 3)] == [1, 2, 3]


@pytest.mark.parametrize("said", [b"<html>", b"{}", b'{"result": true}', b'{"result":{"data":'])
def test_what_is_no_answer_allows_nothing(chat: Chat, sdk: Sdk, name: str, said: bytes) -> None:
    room = f"room:{name}"
    ada, ben = join(chat, sdk, f"ada-{name}", f"ben-{name}")
    ben.reads(room)
    chat.says["publish"] = lambda _: said
    assert ada.refusal("publish", channel=room, data=[1]) == INTERNAL
    chat.says.clear()
    ada.publish(room, 2)
    assert [data for _, data in ben.heard(room, 1)] == [2]


def test_a_service_that_is_not_there_allows_nothing_and_operators_hear_of_it(
    chat: Chat, sdk: Sdk, name: str
) -> None:
    (ada,) = join(chat, sdk, name)
    for _ in range(3):
        assert ada.refusal("publish", channel=f"gone:{name}", data=[1]) == INTERNAL
    gateway = chat.stage.gateway

    def told() -> list[dict[str, Any]]:
        found = gateway.stage.events("realtime_service_unclear")
        return [one for one in found if one["service"] == "gone"]

    assert wait_until(lambda: bool(told()))
    assert told()[0]["about"] == "publish"
    counted = ("tta_gateway_realtime_questions_total", ("publish", "away", "gone"))
    assert gateway.admin.samples()[counted] >= 3
