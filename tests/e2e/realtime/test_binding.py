"""A service's own WebSocket bound to a channel: a real service, SDKs, and two workers.

The service is a process that echoes (tests/helpers/chat_service.py); its clients are of a library,
and the channel's members those of SDKs, unmodified.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.helpers.gateway import free_port
from tests.helpers.hub_stage import HubStage, hub_stage, token
from tests.helpers.sdk import Sdk, SdkClient
from tests.helpers.slow import wait_until, workers_of

pytestmark = pytest.mark.e2e

PATIENCE: Final = 15.0
OTHERS: Final = 1008
CHANNELS: Final = {
    "session:{session_id}": {
        "subscribe": {"roles": ["player", "therapist"]},
        "publish": {},
        "presence": {},
        "keep": {"size": 1000, "time": "5m"},
    },
    "closed:{session_id}": {
        "subscribe": {"roles": ["therapist"]},
        "publish": {"roles": ["therapist"]},
        "keep": {"size": 9, "time": "1m"},
    },
    "limited:{session_id}": {
        "subscribe": {"roles": ["player", "therapist"]},
        "publish": {"rate_limit": {"requests": 1, "per": "1m", "key": ["user"]}},
        "keep": {"size": 9, "time": "1m"},
    },
    "quiet:{session_id}": {"keep": {"size": 100, "time": "5m"}},
}
TETHER: Final = {"resume": "10s", "reattach": "5s"}


def bound(path: str, name: str, **more: object) -> dict[str, object]:
    tether = {**TETHER, "channel": {"name": f"{name}:{{session_id}}", **more}}
    return {"path": path, "service": "chat", "auth": "required", "auth_query": "token"} | {
        "tether": tether
    }


ROUTES: Final = (
    bound("/ws/chat", "session"),
    {**bound("/ws/told", "session"), "socket": {"profile": "chat"}},
    bound("/ws/serves", "session", to_service=True),
    bound("/ws/closed", "closed"),
    {**bound("/ws/limited", "limited"), "safety": "scan"},
    bound("/ws/quiet", "quiet"),
    {
        **bound("/ws/first", "session"),
        "tether": {**TETHER, "first_message": "2s", "channel": "session:{session_id}"},
    },
)


@dataclass
class House:
    """The gateway, and its service."""

    stage: HubStage
    port: int
    process: "subprocess.Popen[str] | None" = None
    talks: list["Talk"] = field(default_factory=list)

    def start(self) -> None:
        """Have the service, and wait until it serves."""
        command = [sys.executable, "-m", "tests.helpers.chat_service", str(self.port), "a"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """End it as `kill -9` does."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def talk(
        self, session: str, who: str = "ada", *, path: str = "/ws/chat", role: str = "player"
    ) -> "Talk":
        """Open a socket, and have heard that it is bound."""
        port = self.stage.gateway.stage.port
        url = f"ws://127.0.0.1:{port}{path}?token={token(who, role)}&session_id={session}"
        talk = Talk(connect(url, proxy=None, open_timeout=PATIENCE, legacy=True))
        self.talks.append(talk)
        return talk

    def bound(self, session: str, who: str = "ada", **more: Any) -> "Talk":  # noqa: ANN401
        """Likewise, once it is bound."""
        talk = self.talk(session, who, **more)
        while {"bound", "attached", "greeted"} - talk.statuses:
            talk.hear()
        return talk


@dataclass
class Talk:
    """A client's side: what it has heard, in order."""

    socket: ClientConnection
    heard: list[Any] = field(default_factory=list)

    def hear(self) -> Any:  # noqa: ANN401 - whatever it is
        """The next message."""
        message = self.socket.recv(PATIENCE)
        assert isinstance(message, str)
        try:
            found = json.loads(message)
        except ValueError:
            found = message
        self.heard.append(found)
        return found

    def event(self, status: str) -> dict[str, Any]:
        """Hear on until the gateway says this of the connection."""
        while True:
            found = self.hear()
            if isinstance(found, dict) and found.get("event_type") == "connection":
                content: dict[str, Any] = found["content"]
                if content["status"] == status:
                    return content

    @property
    def statuses(self) -> set[str]:
        """What has become of the connection so far, and whether the service has greeted."""
        told = [one for one in self.heard if isinstance(one, dict)]
        events = {one["content"]["status"] for one in told if one.get("event_type")}
        return events | ({"greeted"} if any("fields" in one for one in told) else set())

    def until(self, wanted: object) -> None:
        """Hear on until this comes."""
        while self.hear() != wanted:
            pass

    def said(self) -> list[Any]:
        """What was heard so far that is no event and no greeting."""
        plain = [one for one in self.heard if not isinstance(one, dict) or "fields" not in one]
        return [one for one in plain if not isinstance(one, dict) or "event_type" not in one]

    def say(self, text: str) -> None:
        """Say something."""
        self.socket.send(text)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    port = free_port()
    beside = {"chat": {"endpoints": [f"http://127.0.0.1:{port}"], "outliers": "off"}}
    folder = tmp_path_factory.mktemp("binding")
    more = {"channels": CHANNELS, "inbox": {}}
    with hub_stage(folder, *ROUTES, more=more, beside=beside) as stage:
        house = House(stage, port)
        house.start()
        try:
            yield house
        finally:
            house.kill()


@pytest.fixture
def house(running: House) -> Iterator[House]:
    if running.process is None:
        running.start()
    yield running
    while running.talks:
        running.talks.pop().socket.close()


@pytest.fixture(scope="module", params=["node-json", "node-protobuf", "python-json"])
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    with Sdk(request.param) as made:
        yield made


def member(
    house: House, sdk: Sdk, channel: str, who: str = "", role: str = "therapist"
) -> SdkClient:
    """A clinician who watches."""
    name = who or f"tess-{uuid.uuid4().hex[:8]}"
    made = sdk.client(name, house.stage.direct, token(name, role))
    made.connected()
    made.reads(channel)
    return made


def test_a_clinician_who_watches_sees_what_both_sides_say(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"session:{name}")
    talk = house.bound(name)
    asked = '{"type": "user_message", "content": {"text": "hello"}}'
    talk.say(asked)
    talk.until({"from": "a", "heard": asked})
    talk.say("count 3")
    talk.until(2)
    found = [data for _, data in watching.heard(f"session:{name}", 7)]
    words = [one for one in found if not isinstance(one, dict) or "fields" not in one]
    assert words == [json.loads(asked), {"from": "a", "heard": asked}, "count 3", 0, 1, 2]
    offsets = [offset for offset, _ in watching.heard(f"session:{name}", 0)]
    assert offsets == list(range(1, len(offsets) + 1))


def test_what_a_clinician_says_reaches_the_socket_and_not_the_service(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"session:{name}")
    talk = house.bound(name)
    watching.publish(f"session:{name}", {"text": "I am here"})
    talk.until({"text": "I am here"})
    talk.say("last")
    talk.until({"from": "a", "heard": "last"})
    assert talk.said() == [{"text": "I am here"}, {"from": "a", "heard": "last"}]


def test_no_publish_limit_keeps_a_person_at_risk_from_the_clinician(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"limited:{name}")
    talk = house.bound(name, name, path="/ws/limited")
    said = ["I want to die.", "I want to die. Please."]
    for one in said:
        talk.say(one)
        talk.until({"from": "a", "heard": one})
    talk.say("the weather is nice")  # an ordinary one has had its share
    while "unshared" not in talk.statuses:
        talk.hear()
    watching.wait("publication", channel=f"limited:{name}", data=said[-1])
    found = [data for _, data in watching.heard(f"limited:{name}", 2)]
    assert [one for one in found if isinstance(one, str)] == said


def test_in_the_platforms_chat_it_comes_in_its_form(house: House, sdk: Sdk, name: str) -> None:
    watching = member(house, sdk, f"session:{name}")
    talk = house.bound(name, path="/ws/told")
    watching.publish(
        f"session:{name}",
        {
            "role": "assistant",
            "content": {"text": "hello"},
            "metadata": {"safety": {"crisis": True}},
        },
    )
    while (told := talk.hear()).get("role") != "user":
        pass
    assert (told["role"], told["content"]) == ("user", {"text": "hello"})
    assert (told["session_id"], told["metadata"]) == (name, {"shared": True})


def test_two_sockets_of_one_session_see_each_other_at_whichever_worker(
    house: House, name: str
) -> None:
    assert len(workers_of(house.stage.gateway.stage.gateway.process.pid)) == 2
    talks = [house.bound(name, f"p{number}") for number in range(6)]
    talks[0].say("from 0")
    talks[5].until({"from": "a", "heard": "from 0"})
    talks[5].say("from 5")
    for talk in talks:
        talk.until({"from": "a", "heard": "from 5"})
    orders = [[one for one in talk.said() if "heard" in one] for talk in talks]
    assert all(order == orders[0] for order in orders)
    assert [one for one in talks[1].said() if isinstance(one, str)] == ["from 0", "from 5"]
    assert [one for one in talks[0].said() if isinstance(one, str)] == ["from 5"]


def test_a_member_is_heard_by_the_service_once_however_many_sockets_there_are(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"session:{name}")
    talks = [house.bound(name, f"p{number}", path="/ws/serves") for number in range(4)]
    for number in range(5):
        watching.publish(f"session:{name}", f"m{number}")
    for talk in talks:
        while len(answers := [one["heard"] for one in talk.said() if isinstance(one, dict)]) < 5:
            talk.hear()
        assert sorted(answers) == [f'"m{number}"' for number in range(5)]
    talks[0].say("last")
    for talk in talks:
        talk.until({"from": "a", "heard": "last"})  # and nothing more was answered before it
        assert len([one for one in talk.said() if isinstance(one, dict)]) == 6


def test_a_stranger_hears_and_says_nothing_in_the_session_that_they_name(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"closed:{name}")
    talk = house.talk(name, "mallory", path="/ws/closed")
    assert talk.event("unbound")["code"] == 103
    talk.say("listen to me")
    talk.until({"from": "a", "heard": "listen to me"})
    mine = house.bound(name, "tess", path="/ws/closed", role="therapist")
    mine.say("close 4001")
    found = watching.heard(f"closed:{name}", 2)  # its end waits for what was said before it
    assert "fields" in found[0][1]
    assert [data for _, data in found[1:]] == ["close 4001"]


def test_a_client_whose_words_may_not_be_published_is_told(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"quiet:{name}")
    talk = house.bound(name, path="/ws/quiet")
    while "unshared" not in talk.statuses:  # what the service has said first
        talk.hear()
    talk.say("to myself")
    assert talk.event("unshared")["code"] == 103
    talk.until({"from": "a", "heard": "to myself"})
    assert watching.heard(f"quiet:{name}", 0) == []


def test_a_socket_that_shows_its_token_first_is_bound_too(house: House, name: str) -> None:
    port = house.stage.gateway.stage.port
    url = f"ws://127.0.0.1:{port}/ws/first?session_id={name}"
    talk = Talk(connect(url, proxy=None, open_timeout=PATIENCE, legacy=True))
    house.talks.append(talk)
    talk.say(json.dumps({"type": "auth", "token": token("ada")}))
    talk.event("bound")


def test_a_service_that_dies_leaves_those_in_the_session_together(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"session:{name}")
    talk = house.bound(name)
    house.kill()
    talk.event("service_away")
    watching.publish(f"session:{name}", "meanwhile")
    talk.until("meanwhile")
    talk.say("waits")
    house.start()
    talk.event("reattached")
    watching.wait("publication", channel=f"session:{name}", data={"from": "a", "heard": "waits"})


def test_a_client_that_comes_back_has_missed_nothing_that_others_said(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"session:{name}")
    talk = house.bound(name)
    talk.say("one")
    talk.until({"from": "a", "heard": "one"})
    talk.socket.socket.close()
    for number in range(5):
        watching.publish(f"session:{name}", number)
    back = house.talk(name)
    back.until(4)
    numbers = [one for one in back.said() if isinstance(one, int)]
    assert numbers == [0, 1, 2, 3, 4]


def test_whoever_is_bound_is_present_and_gone_when_it_goes(
    house: House, sdk: Sdk, name: str
) -> None:
    watching = member(house, sdk, f"session:{name}")
    talk = house.bound(name, f"ada-{name}")

    def there() -> str:
        return json.dumps(watching.ask("presence", channel=f"session:{name}"))

    assert wait_until(lambda: f"ada-{name}" in there(), PATIENCE)
    talk.socket.close()
    assert wait_until(lambda: f"ada-{name}" not in there(), PATIENCE)


def test_what_was_said_stands_in_the_history(house: House, sdk: Sdk, name: str) -> None:
    talk = house.bound(name)
    talk.say("early")
    talk.until({"from": "a", "heard": "early"})
    late = member(house, sdk, f"session:{name}")

    def said() -> str:
        return json.dumps(late.ask("history", channel=f"session:{name}", limit=10))

    assert wait_until(lambda: "heard" in said(), PATIENCE)
    assert said().index('"early"') < said().index("heard")


def test_the_death_of_workers_loses_nothing_that_stood_in_the_channel(
    house: House, sdk: Sdk, name: str
) -> None:
    """Behind it a socket begins anew, and its channel goes on."""
    watching = member(house, sdk, f"session:{name}")
    talk = house.bound(name)
    talk.say("before")
    talk.until({"from": "a", "heard": "before"})
    watching.heard(f"session:{name}", 3)
    for pid in workers_of(house.stage.gateway.stage.gateway.process.pid):
        os.kill(pid, signal.SIGKILL)
    back: list[Talk] = []

    def is_back() -> bool:
        with contextlib.suppress(OSError, WebSocketException):
            back.append(house.bound(name))
        return bool(back)

    assert wait_until(is_back, PATIENCE)
    events = [one["content"] for one in back[0].heard if "event_type" in one]
    assert [one["resumed"] for one in events if one["status"] == "attached"] == [False]
    back[0].say("after")
    back[0].until({"from": "a", "heard": "after"})
    found = watching.heard(f"session:{name}", 6)
    assert [offset for offset, _ in found] == list(range(1, 7))
    words = [data for _, data in found if not isinstance(data, dict) or "fields" not in data]
    assert [one if isinstance(one, str) else one["heard"] for one in words] == [
        *("before", "before"),
        *("after", "after"),
    ]
