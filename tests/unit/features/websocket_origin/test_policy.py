"""Pages of elsewhere open no WebSockets in a person's name."""

import msgspec
import pytest

from tests.helpers.builders import a_head, a_peer, a_route, an_exchange
from tta_gateway.features.websocket_origin.policy import WebSocketOrigin
from tta_gateway.features.websocket_origin.problems import STREAM_ORIGIN_REFUSED
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.own import stream
from tta_gateway.kernel.route import Route

CHAT = a_route(origins=("https://app.example", "capacitor://localhost"))


def _code(
    *origin: bytes,
    route: Route = CHAT,
    upgrade: bytes | None = b"websocket",
    said: Fields | None = None,
) -> str | None:
    head = a_head(fields=[(b"origin", one) for one in origin], forwarding=said)
    head.upgrade = upgrade
    bound = WebSocketOrigin().for_route(route)
    assert bound is not None
    answer = bound.on_request(an_exchange(head, peer=a_peer(trusted=said is not None)))
    if answer is None:
        return None
    assert answer.problem is not None
    return answer.problem.code


REFUSED = "websocket_origin_refused"


@pytest.mark.parametrize(
    "route",
    [
        None,
        a_route(upgrade=()),
        a_route(upgrade=("chat",)),
        a_route(service="", redirect="/b"),
        a_route(origins=("*",)),
    ],
)
def test_where_no_websocket_can_be_opened_or_every_page_may_there_is_nothing_to_do(
    route: Route | None,
) -> None:
    assert WebSocketOrigin().for_route(route) is None


@pytest.mark.parametrize(
    "origin", [b"http://example.org", b"https://app.example", b"capacitor://localhost"]
)
def test_own_pages_and_those_that_are_named_may(origin: bytes) -> None:
    assert _code(origin) is None


def test_who_names_no_origin_is_no_browser() -> None:
    assert _code() is None


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", b"HTTPS://APP.example", b""])
def test_any_other_page_may_not(origin: bytes) -> None:
    assert _code(origin) == REFUSED


def test_a_usual_request_of_any_page_is_not_its_business() -> None:
    assert _code(b"https://evil.example", upgrade=None) is None


def test_the_host_is_the_one_that_the_client_used() -> None:
    said = [(b"x-forwarded-host", b"public.example"), (b"x-forwarded-proto", b"https")]
    assert _code(b"https://public.example", said=said) is None
    assert _code(b"http://public.example", said=said) == REFUSED
    assert _code(b"https://example.org", said=said) == REFUSED


@pytest.mark.parametrize(
    ("route", "does"),
    [
        (a_route(), "lets pages of this host open WebSockets"),
        (a_route(origins=("https://a",)), "lets pages of this host, https://a open WebSockets"),
    ],
)
def test_it_says_what_it_does(route: Route, does: str) -> None:
    bound = WebSocketOrigin().for_route(route)
    assert bound is not None
    assert bound.explain() == does


STREAM = msgspec.structs.replace(stream("GET", "/a", "hub"), origins=("https://app.example",))


@pytest.mark.parametrize(
    ("fields", "is_let"),
    [
        ([], True),
        ([(b"origin", b"http://example.org")], True),
        ([(b"origin", b"https://app.example"), (b"sec-fetch-site", b"cross-site")], True),
        ([(b"sec-fetch-site", b"same-origin")], True),
        ([(b"sec-fetch-site", b"none")], True),
        ([(b"sec-fetch-site", b"same-site")], False),
        ([(b"sec-fetch-site", b"cross-site")], False),
        ([(b"origin", b"https://evil.example")], False),
        ([(b"origin", b"null"), (b"sec-fetch-site", b"same-origin")], False),
    ],
)
def test_streams_are_begun_by_the_same_pages(fields: Fields, *, is_let: bool) -> None:
    bound = WebSocketOrigin().for_route(STREAM)
    assert bound is not None
    assert bound.explain() == "lets pages of this host, https://app.example connect"
    answer = bound.on_request(an_exchange(a_head(fields=fields)))
    assert (answer is None) is is_let
    assert answer is None or answer.problem is STREAM_ORIGIN_REFUSED
