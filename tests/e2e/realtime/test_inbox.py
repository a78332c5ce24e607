"""Messages that count once, and letters that come until somebody says that they have.

Unmodified SDKs, two workers: clients come to either as it happens.
"""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.helpers.hub_stage import CHANNELS, HubStage, hub_stage, token
from tests.helpers.sdk import Failed, Refused, Sdk, SdkClient
from tests.helpers.slow import wait_until, workers_of

pytestmark = pytest.mark.e2e
DENIED, BAD, LIMIT = 103, 107, 106
KEEP: Final = {"size": 100, "time": "5m"}
MORE: Final = {
    "inbox": {"time": "1h"},
    "channels": {
        **CHANNELS,
        "note:{user_id}": {"publish": {}, "keep": KEEP, "receipts": {"to": "user_id"}},
        "team:{team}": {"publish": {}, "keep": KEEP, "receipts": {}},
        "sure:{name}": {"publish": {}, "keep": {**KEEP, "durable": True}},
    },
}
NOW: Final = 1.5
"""seconds in which whatever waits for somebody would have come"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStage]:
    """The gateway of this module."""
    with hub_stage(tmp_path_factory.mktemp("hub"), more=MORE) as made:
        yield made


@pytest.fixture(scope="module", params=["python-json", "node-protobuf"])
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    """Each SDK, and each codec."""
    with Sdk(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def python() -> Iterator[Sdk]:
    """One of them, where it is about the gateway alone."""
    with Sdk("python-json") as made:
        yield made


def client(stage: HubStage, sdk: Sdk, name: str) -> SdkClient:
    made = sdk.client(name, stage.url, *(token(name) for _ in range(9)))
    made.connected()
    return made


def serve(stage: HubStage, call: str, **body: object) -> dict[str, Any]:
    """Ask as a service."""
    answer = stage.gateway.ask(
        "POST", f"/api/v1/realtime/{call}", body, token=token("chat", "service")
    )
    assert answer.status == 200, answer
    assert "result" in answer.told, answer
    return dict(answer.told["result"])


def heard(one: SdkClient, count: int) -> list[Any]:
    """What so many letters say that somebody was given, in their order."""
    one.wait("letter", count=count)
    return [told["data"] for told in one.events("letter")][:count]


def ids(one: SdkClient) -> list[str]:
    return [told["tags"]["letter"] for told in one.events("letter")]


def nothing_comes(one: SdkClient) -> bool:
    """Whether no letter comes to who has acknowledged all, but for what was under way."""
    time.sleep(0.3)
    before = len(ids(one))
    time.sleep(NOW)
    return len(ids(one)) == before


def dead(stage: HubStage, name: str) -> list[dict[str, Any]]:
    """Dead letters of somebody, as administrators see them."""
    answer = stage.gateway.administer("GET", f"/realtime/dead-letters/of?user={name}")
    assert answer.status == 200, answer
    return list(answer.told["letters"])


def send(one: SdkClient, channel: str, id: str, data: object) -> dict[str, Any]:
    message = {"channel": channel, "id": id, "data": data}
    return dict(one.ask("call", method="message.send", data=message))


def test_who_was_away_is_given_what_was_posted_once_and_no_more_once_acknowledged(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    published = serve(stage, "publish", channel=f"note:{name}", data={"n": 1})
    assert published["offset"] == 1
    posted = serve(stage, "post", users=[name], data={"n": 2})
    assert posted["letters"] == [{"user": name, "outcome": "new", "durable": False}]
    serve(stage, "publish", channel=f"team:{name}", data={"n": 3}, to=[name])
    ada = client(stage, sdk, name)
    assert heard(ada, 3) == [{"n": 1}, {"n": 2}, {"n": 3}]
    first, second, third = ids(ada)[:3]
    assert second == posted["id"]
    assert ada.events("letter")[2]["tags"]["channel"] == f"team:{name}"
    told = ada.ask("call", method="ack", data={"ids": [first, second, "nobody's"]})
    assert told == {"unknown": ["nobody's"]}
    stage.line.drop()
    ada.connected(2)
    ada.wait("letter", data={"n": 3}, count=2)
    assert ada.ask("call", method="ack", data={"ids": [third]}) == {"unknown": []}
    stage.line.drop()
    ada.connected(3)
    assert nothing_comes(ada)


def test_who_is_there_is_given_it_at_once_and_again_until_it_is_acknowledged(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    """By each of their connections, whoever has published it."""
    one, other = client(stage, sdk, name), client(stage, sdk, name=f"writer-{name}")
    assert send(other, f"note:{name}", "m1", "look")["repeated"] is False
    one.wait("letter", data="look")
    other.publish(f"note:{name}", "and here")
    one.wait("letter", data="and here")
    assert other.events("letter") == []
    told = one.wait("letter", count=2, data="look", patience=9.0)  # five seconds later
    assert one.ask("call", method="ack", data={"ids": ids(one)[:2]}) == {"unknown": []}
    assert told["channel"] == f"!inbox:{name}"
    assert other.refusal("call", method="ack", data={"ids": []}) == BAD


def test_a_letter_outlives_every_worker_that_has_sent_it(
    stage: HubStage, python: Sdk, name: str
) -> None:
    ada = client(stage, python, name)
    serve(stage, "post", users=[name], data="urgent", id=f"{name}-1")
    ada.wait("letter", data="urgent")
    before = set(workers_of(stage.gateway.stage.gateway.process.pid))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    ada.connected(2)
    ada.wait("letter", count=2, data="urgent")
    assert ada.ask("call", method="ack", data={"ids": [f"{name}-1"]}) == {"unknown": []}
    again = serve(stage, "post", users=[name], data="urgent", id=f"{name}-1")
    assert again["letters"][0]["outcome"] == "repeated"
    assert nothing_comes(ada)


def test_what_is_never_acknowledged_is_seen_by_administrators(
    stage: HubStage, python: Sdk, name: str
) -> None:
    serve(stage, "post", users=[name], data={"secret": 1}, id=name, seconds=1)
    assert wait_until(lambda: bool(dead(stage, name)))
    (letter,) = dead(stage, name)
    assert (letter["id"], letter["why"], letter["data"]) == (name, "expired", None)
    shown = stage.gateway.administer("GET", f"/realtime/dead-letters/of?user={name}&text=true")
    assert shown.told["letters"][0]["data"] == {"secret": 1}
    users = stage.gateway.administer("GET", "/realtime/dead-letters?limit=500").told["users"]
    assert name in users
    gauge = ("tta_gateway_realtime_dead_letters", ())
    assert wait_until(lambda: stage.gateway.admin.samples().get(gauge, 0.0) > 0.0, 20.0)
    ada = client(stage, python, name)
    assert ada.ask("call", method="ack", data={"ids": [name]}) == {"unknown": []}  # late
    assert dead(stage, name) == []
    thrown = stage.gateway.administer("DELETE", f"/realtime/dead-letters/of?user={name}&id=x")
    assert thrown.status == 404


def test_a_message_that_is_sent_again_behind_a_cut_has_one_effect(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    channel = f"session:{name}"
    ada = client(stage, sdk, name)
    unsure = 0
    for number in range(12):
        if number % 3 == 1:
            stage.line.drop()
        for _ in range(20):
            try:
                told = send(ada, channel, f"m{number}", number)
                break
            except (Failed, Refused):
                unsure += 1
        else:
            raise AssertionError(number)
        assert told["offset"] == number + 1
        again = send(ada, channel, f"m{number}", "another")
        assert again == {**told, "repeated": True}
    history = ada.ask("history", channel=channel, limit=-1)
    assert history["publications"] == [[number + 1, number] for number in range(12)]
    assert ada.events("connecting") or unsure == 0


def test_who_may_not_publish_may_not_send(stage: HubStage, python: Sdk, name: str) -> None:
    ada = client(stage, python, name)

    def refused(channel: str, data: object = 1) -> int:
        message = {"channel": channel, "id": "m", "data": data}
        return ada.refusal("call", method="message.send", data=message)

    assert refused(f"alerts:{name}") == DENIED
    assert refused(f"!inbox:{name}") == DENIED
    assert refused(f"session:{name}", "x" * 62_000) == LIMIT
    assert ada.refusal("call", method="message.send", data={"channel": "a"}) == BAD
    assert ada.denied("!inbox:somebody") == DENIED


def test_what_is_on_disk_is_said_to_be(stage: HubStage, python: Sdk, name: str) -> None:
    """The gateway's own store writes once a second, and says when it has."""
    ada = client(stage, python, name)
    assert send(ada, f"sure:{name}", "m", 1)["durable"] is True
    assert send(ada, f"session:{name}", "m", 1)["durable"] is False
    told = serve(stage, "publish", channel=f"sure:{name}", data=uuid.uuid4().hex)
    assert (told["offset"], told["durable"]) == (2, True)
