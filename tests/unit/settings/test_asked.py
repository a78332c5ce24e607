"""Services that are asked about channels, from the text to what workers are told."""

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.realtime.bound import Question, RealtimeBound
from tta_gateway.kernel.route import Breaker, Route
from tta_gateway.settings.asked import question
from tta_gateway.settings.compile import compile_snapshot

SERVICES = """
services:
  chat: {endpoints: ["http://127.0.0.1:9001"], breaker: {failures: 3}, fallback: other}
  other: {endpoints: ["http://127.0.0.1:9002"]}
routes: [{path: /, service: chat, auth: none}]
"""
ALL = """
realtime:
  auth: optional
  connect: {service: chat, path: /c/connect, headers: [Origin], emulated_headers: [X-Device]}
  refresh: {service: other, path: "/c/refresh?a=1", timeout: 2s}
  procedures:
    "chat.": {ask: {service: chat, path: /c/rpc}, rate_limit: {requests: 5, per: 1s}}
    chat.no: {ask: {service: chat, path: /c/rpc}, mode: off}
  channels:
    "room:{id}":
      subscribe: {ask: {service: chat, path: /c/subscribe, timeout: 500ms}}
      publish: {class: background, ask: {service: chat, path: /c/publish}}
    news: {publish: {}}
    old: {publish: off}
"""


def bound(text: str = ALL) -> RealtimeBound:
    snapshot = compile_snapshot(loaded(SERVICES + text).settings, 1)
    return msgspec.msgpack.decode(snapshot.features["realtime"], type=RealtimeBound)


def there(asked: Question | None) -> Question:
    assert asked is not None
    return asked


def test_a_service_is_asked_by_a_route_that_goes_by_its_breaker_and_nowhere_else() -> None:
    route = there(bound().asked_connect).route
    assert (route.service, route.path, route.methods) == ("chat", "/c/connect", ("POST",))
    assert route.breaker == Breaker(failures=3)
    assert (route.fallback, route.upgrade, route.auth) == (None, (), "none")


def test_a_service_is_told_the_fields_that_are_named() -> None:
    asked = there(bound().asked_connect)
    assert (asked.fields, asked.told_fields) == (("origin",), ("x-device",))
    other = there(bound().asked_refresh)
    assert (other.fields, other.told_fields) == ((), ())


def test_a_service_may_take_a_second_unless_it_says_otherwise() -> None:
    found = bound()
    times = there(found.asked_connect).route.timeouts
    assert (times.connect, times.first_byte, times.total, times.idle) == (1.0, 1.0, 1.0, 1.0)
    longer = there(found.asked_refresh).route.timeouts
    assert (longer.connect, longer.first_byte, longer.total) == (1.0, 2.0, 2.0)
    shorter = there(found.channels[0].asked_subscribe).route.timeouts
    assert (shorter.connect, shorter.total) == (0.5, 0.5)


def test_a_question_depends_on_as_much_as_its_rule() -> None:
    room = bound().channels[0]
    publish, subscribe = there(room.asked_publish).route, there(room.asked_subscribe).route
    lifted = msgspec.msgpack.decode(publish.features["admission"], type=RouteAdmission)
    assert lifted.traffic == "background"
    assert "admission" not in subscribe.features
    assert publish.name == "ask: publish room:{id}"


def test_no_service_is_asked_of_which_nothing_is_said() -> None:
    found = bound("realtime: {auth: optional, channels: {news: {publish: {}}, old: {}}}\n")
    assert (found.asked_connect, found.asked_refresh, found.procedures) == (None, None, ())
    for one in found.channels:
        assert (one.asked_subscribe, one.asked_publish) == (None, None)
    assert question(None, "x", lambda name: Route(name=name, path="/")) is None


def test_a_procedure_has_its_rule_and_one_that_is_off_is_none() -> None:
    (found,) = bound().procedures
    assert (found.name, found.rule.methods, found.rule.path) == ("chat.", ("CALL",), "/call")
    assert "ratelimit" in found.rule.features
    assert found.asked.route.path == "/c/rpc"


@pytest.mark.parametrize(
    ("written", "place", "sentence"),
    [
        ("connect: {service: cha, path: /}", "connect.service", "do you mean `chat`?"),
        ("refresh: {service: chat}", "refresh.path", "is missing"),
        ("connect: {service: chat, path: x}", "connect.path", "must be a path"),
        ("connect: {service: chat, path: /, timeout: 9s}", "connect.timeout", "at most 8"),
        (
            "channels: {a: {publish: {ask: {service: chat, path: /, timeout: 3s}}}}",
            "channels.a.publish.ask.timeout",
            "at most 2",
        ),
        ("connect: {service: chat, path: /, headers: [Host]}", "connect.headers[0]", "take it out"),
        (
            "connect: {service: chat, path: /, headers: [X-API-Key]}",
            "connect.headers[0]",
            "`x-api-key` shows who asks",
        ),
        (
            "connect: {service: chat, path: /, headers: [Sec-WebSocket-Protocol]}",
            "connect.headers[0]",
            "take it out",
        ),
        (
            "refresh: {service: chat, path: /, emulated_headers: [a, Cookie]}",
            "refresh.emulated_headers[1]",
            "`cookie` shows who asks",
        ),
        (
            "channels: {a: {publish: {ask: {service: chat, path: /, headers: [Authorization]}}}}",
            "channels.a.publish.ask.headers[0]",
            "`authorization` shows who asks",
        ),
        ("procedures: {a b: {ask: {service: chat, path: /}}}", "procedures", "`chat.close`"),
        ("procedures: {ack: {ask: {service: chat, path: /}}}", "procedures", "take it out"),
        ("procedures: {a: {}}", "procedures.a.ask", "is missing"),
        (
            "procedures: {a: {ask: {service: no, path: /}}}",
            "procedures.a.ask.service",
            "known are `chat`, `other`",
        ),
        (
            "procedures: {a: {ask: {service: chat, path: /}, access: {permissions: {GET: a:b}}}}",
            "procedures.a.access.permissions",
            "write `permission`",
        ),
        (
            "channels: {a: {publish: {ask: {service: no, path: /}}}}",
            "channels.a.publish.ask.service",
            "there is no service `no`",
        ),
        (
            "channels: {a: {history: {ask: {service: chat, path: /}}}}",
            "channels.a.history.ask",
            "is not a key here",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(written: str, place: str, sentence: str) -> None:
    found = complaints(f"{SERVICES}realtime: {{auth: optional, {written}}}\n")
    told = [one for one in found if f" realtime.{place}: " in one]
    assert len(told) == 1, found
    assert sentence in told[0]
