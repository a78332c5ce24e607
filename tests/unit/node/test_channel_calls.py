"""What control does in channels for services."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.heard_people import HARM, People
from tests.unit.node.test_state_client import EMPTY
from tta_gateway.features.realtime.bound import ChannelRule, RealtimeBound
from tta_gateway.features.realtime.errand import Disconnect, Unsubscribe
from tta_gateway.features.realtime.kinds import Kind, Kinds
from tta_gateway.features.realtime.server_api import Out
from tta_gateway.features.safety.bound import Mode, RouteSafety
from tta_gateway.features.safety.judging import SAFE
from tta_gateway.kernel.route import Route
from tta_gateway.node.channel_calls import Idle, server_api, shown_by
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import SystemClock

NEWS = RealtimeBound(channels=(ChannelRule(prefix="news"),))


class Quiet:
    """A log that nobody reads."""

    def event(self, name: str, **_: object) -> None:
        """Keep nothing."""


def snapshot(bound: RealtimeBound) -> Snapshot:
    raw = msgspec.Raw(msgspec.msgpack.encode(bound))
    return msgspec.structs.replace(EMPTY, features={"realtime": raw})


def test_without_a_store_it_says_that_it_is_away() -> None:
    api = server_api(
        lambda: snapshot(NEWS),
        lambda: None,
        vault=lambda: None,
        disk=lambda: None,
        log=cast("Any", Quiet()),
        clock=SystemClock(),
        died=lambda _, __: None,
    )
    for call, body in (
        ("publish", {"channel": "news", "data": 1}),
        ("disconnect", {"user": "ada"}),
    ):
        assert asyncio.run(api.run(call, body))["error"]["code"] == 100
    told = asyncio.run(api.run("publish", {"channel": "other", "data": 1}))
    assert told["error"]["code"] == 102


def test_control_has_no_sessions() -> None:
    idle = Idle()
    idle.disconnect(Disconnect("ada", 3503, "x"))
    idle.unsubscribe(Unsubscribe("ada", "news", 2000, "x"))
    idle.missed()
    assert not idle.take("1", b"{}")


def in_mode(mode: Mode) -> Kind:
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode=mode)))
    route = Route(name="subscribe", path="/", service="players", features={"safety": raw})
    found = Kinds((ChannelRule(prefix="news", subscribe=route),)).find("news")
    assert found is not None
    return found


def shown_in(mode: Mode | None, *, fails: bool = False) -> bytes:
    people = People()
    people.words.fails = fails
    show = shown_by(people.listener)
    kind = None if mode is None else in_mode(mode)
    return asyncio.run(_awaited(show(kind, "news", f'{{"text":"{HARM}"}}'.encode())))


async def _awaited(shown: Awaitable[bytes]) -> bytes:
    return await shown


def test_what_a_service_publishes_is_judged_where_people_may_be_in_need() -> None:
    said = f'{{"text":"{HARM}"}}'.encode()
    assert json.loads(shown_in("scan")) == json.loads(shown_in(None)) == {"text": SAFE}
    assert shown_in("off") == shown_in("observe") == said


def test_the_guard_is_told_of_what_is_not_shown() -> None:
    people = People()
    show = shown_by(people.listener)
    said = f'{{"text":"{HARM}"}}'.encode()
    asyncio.run(_awaited(show(in_mode("scan"), "news:7", said)))
    asyncio.run(_awaited(show(None, "", said)))
    asyncio.run(_awaited(show(in_mode("observe"), "news:7", said)))
    asyncio.run(_awaited(show(None, "", b"fine")))
    (first, text), (second, _) = people.kept
    assert (first.source, first.delivered, first.identity) == ("reply", False, "unknown")
    assert (first.person, first.route, first.service) == (
        "channel news:7",
        "realtime news",
        "players",
    )
    assert (second.person, second.route) == ("letters", "realtime letters")
    assert HARM in text


def test_what_could_not_be_judged_is_not_published() -> None:
    with pytest.raises(Out):
        shown_in("scan", fails=True)


def test_a_long_publication_is_judged_too() -> None:
    said = b"lovely day " * 1000
    assert asyncio.run(_awaited(shown_by(People().listener)(None, "", said))) == said


def test_services_publish_what_a_judge_lets_be_shown() -> None:
    api = server_api(
        lambda: snapshot(NEWS),
        lambda: None,
        vault=lambda: None,
        disk=lambda: None,
        log=cast("Any", Quiet()),
        clock=SystemClock(),
        died=lambda _, __: None,
    )
    api.shown = shown_by(People().listener)
    told = asyncio.run(api.run("publish", {"channel": "news", "data": HARM}))
    assert told["error"]["code"] == 100
