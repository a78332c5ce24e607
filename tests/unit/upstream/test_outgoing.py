"""The head of a request as its service gets it: what is the client's, and what never is."""

import msgspec
import pytest

from tests.helpers.builders import Bound, a_head, a_peer, a_plan, a_route, an_exchange
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import CHUNKED, Fields, RequestHead
from tta_gateway.kernel.route import Sockets
from tta_gateway.upstream.outgoing import framing, line, lines, may_switch

VIA = b"via: 1.1 here\r\n"
WEBSOCKET = ("websocket",)
CLAIM: Fields = [(b"x-forwarded-for", b"203.0.113.66")]
USUALLY_WITH_A_BODY = [b"POST", b"PUT", b"PATCH"]


def asked(head: RequestHead | None = None, *, path: bytes | None = None) -> Exchange:
    exchange = an_exchange(head)
    exchange.upstream_path = path
    return exchange


def written(exchange: Exchange, host: bytes = b"") -> list[bytes]:
    """Return the lines that a service gets."""
    made = lines(exchange, host, authority=b"127.0.0.1:9001", via=VIA)
    assert made.endswith(b"\r\n")
    return made.split(b"\r\n")[:-1]


def framed(method: bytes = b"GET", upgrade: bytes | None = None, **said: int) -> bytes:
    """Return what frames a request of which this is said."""
    head = a_head(method.decode(), length=said.get("length", 0))
    head.upgrade = upgrade
    head.expects_continue = bool(said.get("expects_continue"))
    return framing(head, method, upgrades=WEBSOCKET)


# --- the line ------------------------------------------------------------------------------------


def test_a_request_keeps_its_target_byte_for_byte() -> None:
    assert line(asked(a_head(target="/a%2F?b=c?d")), b"GET") == b"GET /a%2F?b=c?d"


def test_another_path_stands_in_place_of_the_client_s() -> None:
    assert line(asked(a_head(target="/a"), path=b"/v1/a"), b"GET") == b"GET /v1/a"


@pytest.mark.parametrize("path", [None, b"/v1/a"])
@pytest.mark.parametrize(("query", "behind"), [(b"", b""), (b"d=e", b"?d=e")])
def test_another_query_stands_in_place_of_the_client_s(
    path: bytes | None, query: bytes, behind: bytes
) -> None:
    exchange = asked(a_head(target="/a%2F?b=c?d"), path=path)
    exchange.upstream_query = query
    assert line(exchange, b"GET") == b"GET " + (path or b"/a%2F") + behind


@pytest.mark.parametrize("query", ["", "b=c"])
def test_another_path_keeps_the_query(query: str) -> None:
    exchange = asked(a_head(target=f"/a?{query}"), path=b"/v1/a")
    assert line(exchange, b"GET") == b"GET /v1/a?" + query.encode()


def test_another_method_stands_in_place_of_the_client_s() -> None:
    assert line(asked(a_head("GET")), b"POST") == b"POST /"


# --- the fields ----------------------------------------------------------------------------------


def test_the_host_is_first_then_the_way_then_what_the_client_sent() -> None:
    fields = [(b"accept", b"text/html"), (b"accept", b"text/plain")]
    assert written(asked(a_head(fields=fields)))[:4] == [
        b"host: example.org",
        b"via: 1.1 here",
        b"accept: text/html",
        b"accept: text/plain",
    ]


@pytest.mark.parametrize(
    ("own", "asked_for", "told"),
    [
        (b"inner.example", "public.example", b"inner.example"),
        (b"", "public.example", b"public.example"),
        (b"", "", b"127.0.0.1:9001"),
    ],
)
def test_the_service_s_own_host_goes_before_the_client_s_and_that_before_the_endpoint(
    own: bytes, asked_for: str, told: bytes
) -> None:
    assert written(asked(a_head(host=asked_for)), own)[0] == b"host: " + told


@pytest.mark.parametrize(
    ("asked_for", "told"),
    [("public.example", b"public.example"), ("", b"inner.example")],
)
def test_a_service_is_told_the_host_that_the_client_asked_for(asked_for: str, told: bytes) -> None:
    assert b"x-forwarded-host: " + told in written(asked(a_head(host=asked_for)), b"inner.example")


def test_fields_that_stand_in_place_of_the_client_s_are_all_that_goes() -> None:
    exchange = asked(a_head(fields=[(b"accept", b"text/html")]))
    exchange.upstream_fields = [(b"accept", b"text/plain")]
    assert [each for each in written(exchange) if each.startswith(b"accept")] == [
        b"accept: text/plain"
    ]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("upgrade", "kept"), [(b"websocket", False), (None, True)])
def test_a_web_socket_whose_messages_are_looked_at_offers_no_compression(
    in_place: bool, upgrade: bytes | None, kept: bool
) -> None:
    fields = [(b"accept", b"*/*"), (b"sec-websocket-extensions", b"permessage-deflate")]
    head = a_head(fields=[] if in_place else fields)
    head.upgrade = upgrade
    looking = a_plan([Bound(on_message=lambda _exchange, _message: None)])
    exchange = an_exchange(head, plan=looking)
    exchange.upstream_fields = fields if in_place else None
    assert (b"sec-websocket-extensions: permessage-deflate" in written(exchange)) == kept
    assert b"accept: */*" in written(exchange)


@pytest.mark.parametrize(("deflate", "offers"), [("both", 1), ("client", 0), ("off", 0)])
def test_where_the_route_says_so_it_is_offered_one_of_the_gateway_s_own(
    deflate: str, offers: int
) -> None:
    head = a_head(fields=[(b"sec-websocket-extensions", b"x-of-the-client")])
    head.upgrade = b"websocket"
    route = a_route(sockets=msgspec.convert({"deflate": deflate}, Sockets))
    looking = a_plan([Bound(on_message=lambda _exchange, _said: None)], route=route)
    told = b"".join(written(an_exchange(head, plan=looking)))
    assert told.count(b"sec-websocket-extensions: permessage-deflate;") == offers
    assert b"x-of-the-client" not in told


def test_what_policies_add_is_last() -> None:
    exchange = asked()
    exchange.extra += [(b"x-request-id", b"7"), (b"traceparent", b"8")]
    assert written(exchange)[-2:] == [b"x-request-id: 7", b"traceparent: 8"]


def test_who_has_passed_the_request_on_stands_before_this_gateway() -> None:
    said = [(b"via", b"1.0 one"), *CLAIM, (b"via", b"1.1 other")]
    told = [each for each in written(asked(a_head(forwarding=said))) if each.startswith(b"via:")]
    assert told == [b"via: 1.0 one", b"via: 1.1 other", b"via: 1.1 here"]


@pytest.mark.parametrize(
    ("trusted", "chain"), [(False, b"192.0.2.7"), (True, b"203.0.113.66, 192.0.2.7")]
)
def test_what_is_said_of_the_way_counts_if_who_says_it_is_trusted(
    trusted: bool, chain: bytes
) -> None:
    exchange = an_exchange(a_head(forwarding=CLAIM), peer=a_peer(trusted=trusted))
    assert b"x-forwarded-for: " + chain in written(exchange)


def test_a_service_is_told_who_the_client_is() -> None:
    exchange = asked()
    exchange.client = "203.0.113.9"
    assert b"x-real-ip: 203.0.113.9" in written(exchange)


# --- the framing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"QUERY"])
def test_a_request_without_a_body_is_framed_by_saying_nothing(method: bytes) -> None:
    assert framed(method) == b""


@pytest.mark.parametrize("method", USUALLY_WITH_A_BODY)
def test_a_request_that_usually_has_a_body_says_when_it_has_none(method: bytes) -> None:
    assert framed(method) == b"content-length: 0\r\n"


@pytest.mark.parametrize("method", [b"GET", b"QUERY", *USUALLY_WITH_A_BODY])
def test_a_body_s_length_is_stated(method: bytes) -> None:
    assert framed(method, length=4) == b"content-length: 4\r\n"


@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_a_body_of_unknown_length_is_sent_in_chunks(method: bytes) -> None:
    assert framed(method, length=CHUNKED) == b"transfer-encoding: chunked\r\n"


def test_the_service_is_asked_whether_it_wants_the_body() -> None:
    said = framed(b"POST", length=4, expects_continue=1)
    assert said == b"content-length: 4\r\nexpect: 100-continue\r\n"


def test_the_framing_goes_by_the_method_that_is_sent() -> None:
    assert framing(a_head("GET"), b"POST", upgrades=()) == b"content-length: 0\r\n"


def test_a_protocol_that_the_route_allows_is_asked_for() -> None:
    assert framed(upgrade=b"websocket") == b"connection: upgrade\r\nupgrade: websocket\r\n"


@pytest.mark.parametrize("protocol", [b"h2c", b"", b"websocket, h2c", b"caf\xe9"])
def test_another_protocol_is_not_asked_for(protocol: bytes) -> None:
    assert framed(upgrade=protocol) == b""


# --- who may change the protocol -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "may"), [(b"websocket", True), (b"h2c", False), (b"\xff", False), (None, False)]
)
def test_a_service_may_change_to_what_it_has_been_asked_for(
    protocol: bytes | None, may: bool
) -> None:
    assert may_switch(protocol, WEBSOCKET) is may
