"""A client's connection, on paper: the test is the client, and the service behind the gateway."""

import socket
from collections.abc import Callable
from typing import ClassVar

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol

from tests.helpers.builders import Bound
from tests.helpers.fake_loop import Never
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import (
    DATE,
    GET,
    OK,
    Gate,
    Open,
    PaperGateway,
    post,
    statuses,
)
from tta_gateway.edge.client_connection import ClientConnection
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, answer_of
from tta_gateway.kernel.problem import INTERNAL, UPSTREAM_BUSY
from tta_gateway.kernel.route import Rewrite, Timeouts
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.wire.web_socket import close_frame

PATIENCE = ClientTimeouts()
ROUTE = Timeouts()
LOOK = 0.3  # seconds: a little more than the sweeper takes to see what is due
LARGE = 100 * 1024
UPGRADE = (
    b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
TEXT = Frame(Opcode.TEXT, b"hello").serialize(mask=False)
CHUNKED = (
    b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
)


def get(target: str) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


class Telling(Bound):
    """A policy that words every problem alike."""

    words_alike: ClassVar = True

    def on_response(self, exchange: Exchange) -> None:
        response = exchange.response
        assert response is not None
        response.body = b"<%b>" % exchange.request_id
        response.length = len(response.body)
        response.fields.append((b"x-id", exchange.request_id))


def refuse(exchange: Exchange) -> Refusal:
    exchange.request_id = b"id"
    response = answer_of(UPSTREAM_BUSY)
    response.rote = True
    return Refusal(response)


def echo(exchange: Exchange) -> Response:
    """Answer here, with what was asked for."""
    return Response(200, [], exchange.request.target + b";")


def fail(_: Exchange) -> None:
    raise GatewayError(INTERNAL, "by a policy")


ECHO = Bound(on_request=echo)
FAILING = Bound(on_request=fail)


@pytest.fixture
def echoing(build: Open) -> PaperGateway:
    """A gateway that answers everything itself."""
    return build(policies=[ECHO])


# Requests


def test_an_answer_finds_its_way_back(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(OK)
    assert client.sent == OK.replace(b"Content-Length", b"content-length")


def test_an_answer_is_one_write(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(OK)
    assert len(client.writes) == 1


def test_a_large_answer_arrives_whole(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(ok(b"x" * LARGE))
    assert client.sent.endswith(b"\r\n\r\n" + b"x" * LARGE)


@pytest.mark.parametrize("request_", [GET, post(b"abcde"), CHUNKED], ids=["get", "post", "chunked"])
def test_a_request_in_single_bytes_is_one_exchange_as_one_in_one_piece(
    build: Open, request_: bytes
) -> None:
    bodies = []
    for pieces in ([request_], bytewise(request_)):
        gateway = build()
        client = gateway.client()
        client.feed(*pieces)
        gateway.loop.run_ready()
        bodies.append((gateway.service.sent.split(b"\r\n\r\n", 1)[0], client.sent))
        gateway.service.feed(OK)
        assert len(gateway.finished) == 1
    assert bodies[0] == bodies[1]


def test_a_request_is_finished_once_its_answer_has_left(gateway: PaperGateway) -> None:
    _, service = gateway.asking()
    service.feed(OK)
    assert [exchange.sent for exchange in gateway.finished] == [2]


def test_an_interim_answer_goes_to_the_client_at_once(gateway: PaperGateway) -> None:
    client, service = gateway.asking(
        b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    service.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert statuses(client.sent) == [100]


def test_a_body_reaches_the_service(gateway: PaperGateway) -> None:
    _, service = gateway.asking(post(b"abcde"))
    assert service.sent.endswith(b"\r\n\r\nabcde")


def test_trailers_of_a_request_reach_the_service(gateway: PaperGateway) -> None:
    _, service = gateway.asking(CHUNKED[:-2] + b"X-Sum: 5\r\n\r\n")
    assert service.sent.lower().endswith(b"0\r\nx-sum: 5\r\n\r\n")


def flood(count: int) -> bytes:
    """Return a request whose body comes in chunks of one byte, without its end."""
    return CHUNKED.partition(b"3\r\n")[0] + b"1\r\nx\r\n" * count


def test_a_flood_of_chunks_has_many_turns_of_the_loop(gateway: PaperGateway) -> None:
    client, service = gateway.asking(flood(0))
    service.take()
    client.feed(b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n")
    assert (len(unchunked(service.take())), client.reading) == (500, False)
    gateway.loop.turn()
    assert (len(unchunked(service.take())), client.reading) == (500, False)
    gateway.loop.run_ready()
    assert (len(unchunked(service.take())), client.reading) == (2000, True)


def unchunked(sent: bytes) -> bytes:
    """Return the body of chunks that hold nothing but `x`."""
    return b"x" * sent.count(b"x")


def test_behind_a_flood_of_chunks_the_next_request_is_asked(gateway: PaperGateway) -> None:
    client, service = gateway.asking(flood(3000) + b"0\r\n\r\n" + GET)
    gateway.loop.run_ready()
    service.feed(OK)
    gateway.loop.run_ready()
    service.feed(OK)
    assert statuses(client.sent) == [200, 200]


def test_a_flood_of_chunks_may_be_pipelined(gateway: PaperGateway) -> None:
    client, service = gateway.asking(GET + flood(3000) + b"0\r\n\r\n")
    service.feed(OK)
    gateway.loop.run_ready()
    service.feed(OK)
    assert (statuses(client.sent), service.sent.endswith(b"0\r\n\r\n")) == ([200, 200], True)


def test_a_flood_of_chunks_waits_for_a_service_that_is_full(gateway: PaperGateway) -> None:
    client, service = gateway.asking(flood(0))
    service.take()
    service.get_stuck()
    client.feed(b"11000\r\n" + b"x" * 0x11000 + b"\r\n" + b"1\r\ny\r\n" * 3000)
    gateway.loop.run_ready()
    assert not client.reading
    service.get_unstuck()
    gateway.loop.run_ready()
    assert (service.sent.count(b"y"), client.reading) == (3000, True)


def received(gateway: PaperGateway, client: FakeTransport, piece: bytes, *, most: int) -> int:
    """Send the piece as long as it is read, at most so often; return how often that was."""
    for number in range(most):
        if not client.reading:
            return number
        client.feed(piece)
        gateway.loop.run_ready()
    return most


BLOCK = b"%x\r\n%b\r\n" % (LARGE, b"y" * LARGE)
FLOODS = {
    "a flood": CHUNKED.partition(b"3\r\n")[0] + (b"64\r\n" + b"x" * 100 + b"\r\n") * 900,
    "pipelined": GET + post(b"x" * LARGE, length=1 << 23),
    "a pipelined flood": GET
    + CHUNKED.partition(b"3\r\n")[0]
    + (b"64\r\n" + b"x" * 100 + b"\r\n") * 900,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_pause_of_the_upload_outlasts_whatever_else_goes_on(
    gateway: PaperGateway, flood: bytes
) -> None:
    client, service = gateway.asking(GET)
    service.feed(OK)
    service.get_stuck()  # a connection that is idle, and takes nothing
    client.feed(flood)
    gateway.loop.run_ready()
    if flood.startswith(GET):
        service.feed(OK)
        gateway.loop.run_ready()
    assert received(gateway, client, BLOCK, most=20) <= 1
    service.get_unstuck()
    gateway.loop.run_ready()
    assert client.reading


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_body_that_nobody_takes_yet_is_held_back(build: Open, flood: bytes) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_request=gate.ask)])
    client = gateway.client()
    client.feed(flood.removeprefix(GET))
    gateway.loop.run_ready()
    assert received(gateway, client, BLOCK, most=20) <= 1


def test_a_flood_of_chunks_behind_an_early_answer_is_thrown_away(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(flood(3000))
    echoing.loop.run_ready()
    assert (statuses(client.sent), client.reading) == ([200], True)


def test_a_flood_of_chunks_that_is_too_large_is_refused(build: Open) -> None:
    client, _ = build(max_body=1000).asking(flood(3000))
    assert statuses(client.sent) == [413]


def test_what_cannot_be_read_is_refused_and_ends_the_connection(gateway: PaperGateway) -> None:
    client = gateway.client()
    client.feed(b"GET /a HTTP/1.1\r\nnonsense\r\n\r\n")
    assert (statuses(client.sent), client.ended) == ([400], True)


def test_a_page_whose_request_cannot_be_read_is_known_by_its_origin(gateway: PaperGateway) -> None:
    client = gateway.client()
    client.feed(b"GET /a HTTP/1.1\r\nOrigin: http://page\r\nnonsense\r\n\r\n")
    assert gateway.finished[0].request.get(b"origin") == b"http://page"


def test_a_body_that_breaks_off_in_nonsense_is_refused(gateway: PaperGateway) -> None:
    client, service = gateway.asking(CHUNKED[:-5])
    client.feed(b"nonsense\r\n")
    gateway.loop.run_ready()
    assert (statuses(client.sent), service.lost) == ([400], True)


def test_nonsense_in_a_body_is_answered_while_a_policy_waits(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_request=gate.ask)])
    client = gateway.client()
    client.feed(CHUNKED[:-5], b"nonsense\r\n")
    gateway.loop.run_ready()
    gate.answer()
    gateway.loop.run_ready()
    assert (statuses(client.sent), gateway.loop.asked) == ([400], [])


def test_nonsense_behind_an_answered_head_leaves_the_answer_alone(gateway: PaperGateway) -> None:
    client, service = gateway.asking(CHUNKED[:-5])
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    client.feed(b"nonsense\r\n")
    assert (statuses(client.sent), client.was_reset) == ([200], True)


def test_a_path_that_no_route_takes_is_answered_here(build: Open) -> None:
    client = build(path="/b").client()
    client.feed(GET)
    assert statuses(client.sent) == [404]


def test_a_rewritten_path_is_what_the_service_sees(build: Open) -> None:
    _, service = build(rewrite=Rewrite(path="/b")).asking()
    assert service.sent.startswith(b"GET /b HTTP/1.1\r\n")


def test_parameters_of_the_path_are_the_exchange_s(build: Open) -> None:
    gateway = build(policies=[ECHO], path="/players/{id}")
    gateway.client().feed(get("/players/7"))
    assert gateway.finished[0].params == {"id": "7"}


def test_the_client_behind_a_trusted_proxy_is_who_it_says(build: Open) -> None:
    gateway = build(policies=[ECHO], trusted=("10.0.0.0/8",))
    client = gateway.client(("10.0.0.1", 40000))
    client.feed(b"GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n")
    assert gateway.finished[0].client == "198.51.100.9"


def test_the_client_behind_anybody_else_is_its_neighbour(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(b"GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n")
    assert echoing.finished[0].client == "192.0.2.7"


def test_a_neighbour_on_a_unix_socket_has_no_address(echoing: PaperGateway) -> None:
    echoing.client("", family=socket.AF_UNIX).feed(GET)
    assert echoing.finished[0].client == ""


def test_it_says_who_it_is_and_what_it_does(gateway: PaperGateway) -> None:
    client, _ = gateway.asking()
    assert repr(client.protocol).startswith("<client 192.0.2.7:40000 <exchange <GET /a #1>")


# Pipelining


def test_pipelined_requests_are_answered_in_order(gateway: PaperGateway) -> None:
    client, service = gateway.asking(get("/1") + get("/2") + get("/3"))
    for body in (b"one;", b"two;", b"three;"):
        service.feed(ok(body))
        gateway.loop.run_ready()
    bodies = [part.split(b"\r\n\r\n")[1] for part in client.sent.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"one;", b"two;", b"three;"]


def test_pipelined_requests_cut_anywhere_are_answered_in_order(echoing: PaperGateway) -> None:
    client = echoing.client()
    for piece in bytewise(get("/1") + get("/2") + get("/3")):
        client.feed(piece)
        echoing.loop.run_ready()
    assert [exchange.request.target for exchange in echoing.finished] == [b"/1", b"/2", b"/3"]


def test_each_pipelined_request_has_a_turn_of_its_own(echoing: PaperGateway) -> None:
    client = echoing.client()
    answered = []
    client.feed(get("/1") + get("/2") + get("/3"))
    for _ in range(3):
        answered.append(len(echoing.finished))
        echoing.loop.turn()
    assert answered == [1, 2, 3]


def test_the_last_pipelined_answer_of_ours_is_sent_too(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET * 3)
    echoing.loop.run_ready()
    assert statuses(client.sent) == [200, 200, 200]


def test_a_pipelined_request_waits_for_the_answer_before_it(gateway: PaperGateway) -> None:
    _, service = gateway.asking(get("/1") + get("/2"))
    assert service.sent.count(b"GET ") == 1


def test_a_pipelined_body_follows_its_head(gateway: PaperGateway) -> None:
    _, service = gateway.asking(GET + post(b"abcde"))
    service.take()
    service.feed(OK)
    gateway.loop.run_ready()
    assert service.sent.endswith(b"\r\n\r\nabcde")


def test_seven_requests_are_read_ahead(gateway: PaperGateway) -> None:
    client, _ = gateway.asking(GET)
    client.feed(*[GET] * 7)
    assert client.reading


def test_the_eighth_request_read_ahead_is_the_last(gateway: PaperGateway) -> None:
    client, _ = gateway.asking(GET)
    client.feed(*[GET] * 8)
    assert not client.reading


def test_many_bytes_are_as_many_requests(gateway: PaperGateway) -> None:
    client, _ = gateway.asking(GET)
    client.feed(b"x" * (64 * 1024 + 1))
    assert not client.reading


def test_what_was_not_read_ahead_is_read_when_the_others_are_answered(
    gateway: PaperGateway,
) -> None:
    client, service = gateway.asking(GET)
    client.feed(*[GET] * 20)
    gateway.loop.run_ready()
    for _ in range(21):
        service.feed(OK)
        gateway.loop.run_ready()
    assert (len(statuses(client.sent)), client.reading) == (21, True)


def test_behind_a_last_answer_nothing_that_was_pipelined_is_asked(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get("/2"))
    echoing.loop.run_ready()
    assert len(echoing.finished) == 1


# Time


def test_a_head_that_does_not_end_in_time_is_408(gateway: PaperGateway) -> None:
    client = gateway.client()
    client.feed(GET[:-2])
    gateway.wait(PATIENCE.header + LOOK)
    assert (statuses(client.sent), gateway.codes) == ([408], ["request_timeout"])


def test_a_head_in_drops_has_no_more_time_than_one_that_stands_still(gateway: PaperGateway) -> None:
    client = gateway.client()
    for drop in bytewise(GET[:-2])[:24]:
        client.feed(drop)
        gateway.wait(PATIENCE.header / 20)
    assert statuses(client.sent) == [408]


def test_a_head_that_ends_in_time_is_answered(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET[:-2])
    echoing.wait(PATIENCE.header - LOOK)
    client.feed(GET[-2:])
    assert statuses(client.sent) == [200]


def test_a_later_head_has_its_time_too(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET)
    echoing.wait(30)
    client.feed(GET[:-2])
    echoing.wait(PATIENCE.header + LOOK)
    assert statuses(client.sent) == [200, 408]


def test_a_pipelined_part_of_a_head_has_its_time_too(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET + GET[:-2])
    echoing.wait(PATIENCE.header + LOOK)
    assert statuses(client.sent) == [200, 408]


def test_a_client_that_says_nothing_at_all_is_sent_away_without_a_word(
    gateway: PaperGateway,
) -> None:
    client = gateway.client()
    gateway.wait(PATIENCE.header + LOOK)
    assert (client.sent, client.lost) == (b"", True)


def test_an_idle_connection_is_kept_for_a_while(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET)
    echoing.wait(PATIENCE.keep_alive - LOOK)
    assert not client.lost


def test_an_idle_connection_is_closed_in_the_end(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET)
    echoing.wait(PATIENCE.keep_alive + LOOK)
    assert (client.lost, client.aborted) == (True, False)


def test_a_connection_whose_request_is_under_way_is_not_idle(build: Open) -> None:
    patient = Timeouts(first_byte=500.0, total=500.0)
    gateway = build(timeouts=patient)
    client, _ = gateway.asking()
    gateway.wait(2 * PATIENCE.keep_alive)
    assert not client.lost


def test_a_body_that_stands_still_is_408(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"ab", length=5))
    gateway.wait(ROUTE.body_idle + LOOK)
    assert (statuses(client.sent), service.lost) == ([408], True)


def test_a_body_that_never_begins_is_408(gateway: PaperGateway) -> None:
    client, _ = gateway.asking(post(b"", length=5))
    gateway.wait(ROUTE.body_idle + LOOK)
    assert statuses(client.sent) == [408]


def test_every_part_of_a_body_gives_it_time(gateway: PaperGateway) -> None:
    part = b"x" * 20_000  # in 30 s: faster than the least rate
    client, service = gateway.asking(post(b"", length=5 * len(part)))
    for _ in range(5):
        gateway.wait(ROUTE.body_idle - LOOK)
        client.feed(part)
    assert service.sent.endswith(5 * part)


def test_a_body_that_trickles_is_refused_however_steady(gateway: PaperGateway) -> None:
    client, _ = gateway.asking(post(b"", length=100))
    for part in bytewise(b"abcde"):
        gateway.wait(ROUTE.body_idle - LOOK)
        client.feed(part)
    assert statuses(client.sent) == [408]


def test_a_body_that_waits_for_the_service_has_time(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"ab", length=LARGE))
    service.get_stuck()
    client.feed(b"x" * (LARGE - 1000))
    gateway.wait(ROUTE.first_byte - LOOK)
    assert statuses(client.sent) == []


def test_a_suspended_exchange_is_not_given_up_for_its_body(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_request=gate.ask)])
    client = gateway.client()
    client.feed(post(b"ab", length=5))
    gateway.wait(ROUTE.body_idle + LOOK)
    assert statuses(client.sent) == []


def test_an_answer_that_is_not_taken_is_cut(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(ok(b"x" * LARGE))
    gateway.wait(PATIENCE.write_stalled + LOOK)
    assert (client.was_reset, client.lost) == (True, True)


def test_an_answer_that_is_taken_in_time_is_not_cut(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(ok(b"x" * LARGE))
    gateway.wait(PATIENCE.write_stalled - LOOK)
    client.get_unstuck()
    gateway.wait(2 * LOOK)
    assert not client.lost


@pytest.mark.parametrize(("rate", "cut"), [(600, False), (400, True)])
def test_an_answer_that_is_taken_slowly_is_cut_only_if_that_would_hold_the_connection(
    gateway: PaperGateway, rate: int, *, cut: bool
) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(ok(b"x" * LARGE))
    assert client.socket is not None
    client.socket.taken = int(rate * PATIENCE.write_stalled)
    gateway.wait(PATIENCE.write_stalled + LOOK)
    assert client.was_reset is cut


def test_a_client_that_takes_no_more_is_cut_a_while_later(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(ok(b"x" * LARGE))
    assert client.socket is not None
    client.socket.taken = LARGE // 2
    gateway.wait(2 * (PATIENCE.write_stalled + LOOK))
    assert client.was_reset


def test_a_last_answer_that_is_not_taken_is_cut(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.get_stuck()
    client.feed(b"GET /a HTTP/1.0\r\nHost: a\r\n\r\n")
    echoing.wait(PATIENCE.write_stalled + LOOK)
    assert client.was_reset


def test_an_idle_connection_that_cannot_be_closed_is_cut(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.get_stuck()
    client.feed(GET)
    echoing.wait(PATIENCE.keep_alive + PATIENCE.write_stalled + 2 * LOOK)
    assert client.was_reset


# Answers before the end of the request


def test_an_early_answer_says_that_it_is_the_last(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(post(b"ab", length=5))
    assert b"connection: close\r\n" in client.sent


def test_behind_an_early_answer_the_connection_lingers(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(post(b"ab", length=5))
    echoing.loop.run_ready()
    assert (client.ended, client.is_closing()) == (True, False)


def test_what_comes_while_it_lingers_is_nobody_s(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(post(b"ab", length=5), b"cde" + GET, GET)
    echoing.loop.run_ready()
    assert len(echoing.finished) == 1


def test_lingering_has_an_end(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(post(b"ab", length=5))
    echoing.wait(PATIENCE.linger + LOOK)
    assert (client.lost, client.aborted) == (True, False)


def test_lingering_ends_with_the_client(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(post(b"ab", length=5))
    client.end()
    echoing.loop.run_ready()
    assert (client.lost, client.aborted) == (True, False)


def test_a_client_that_takes_an_early_answer_late_has_its_time_to_linger(build: Open) -> None:
    large = Bound(on_request=lambda _: Response(200, [], b"x" * LARGE))
    gateway = build(policies=[large])
    client = gateway.client()
    client.get_stuck()
    client.feed(post(b"ab", length=5))
    gateway.wait(PATIENCE.linger + LOOK)
    client.get_unstuck()
    gateway.wait(PATIENCE.linger - LOOK)
    assert not client.lost


def test_behind_an_early_answer_of_the_service_its_connection_ends(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"ab", length=5))
    service.feed(OK)
    gateway.loop.run_ready()
    assert (statuses(client.sent), service.lost) == ([200], True)


def test_a_body_too_large_by_its_stated_length_is_refused_unread(build: Open) -> None:
    gateway = build(max_body=4)
    client = gateway.client()
    client.feed(post(b"", length=5))
    assert (statuses(client.sent), gateway.loop.asked) == ([413], [])


def test_a_chunked_body_is_refused_when_it_has_become_too_large(build: Open) -> None:
    gateway = build(max_body=4)
    client, service = gateway.asking(CHUNKED[:-12])
    client.feed(CHUNKED[-12:])
    gateway.loop.run_ready()
    assert (statuses(client.sent), service.lost) == ([413], True)


def test_a_body_nobody_takes_is_read_and_thrown_away(build: Open) -> None:
    client = build(path="/b").client()
    client.feed(post(b"ab", length=LARGE))
    client.feed(b"x" * 1000)
    assert statuses(client.sent) == [404]


def test_a_body_that_comes_while_an_answer_of_ours_waits_is_thrown_away(build: Open) -> None:
    gate = Gate()
    client = (gateway := build(policies=[Bound(on_request=echo, on_response=gate.ask)])).client()
    client.feed(post(b"ab", length=5), b"c")
    gateway.loop.run_ready()
    gate.answer()
    gateway.loop.run_ready()
    assert statuses(client.sent) == [200]


def test_a_body_for_nobody_is_not_the_fault_that_is_told(build: Open) -> None:
    gate = Gate()
    gateway = build(path="/b", elsewhere=[Bound(on_request=gate.ask)])
    client = gateway.client()
    client.feed(post(b"ab", length=5), b"c")
    gateway.loop.run_ready()
    gate.answer()
    gateway.loop.run_ready()
    assert statuses(client.sent) == [404]


# Flow


def test_a_client_held_back_with_its_body_asks_on_behind_the_answer(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"", length=LARGE))
    service.get_stuck()
    client.feed(b"x" * LARGE)
    held = client.reading
    service.feed(OK)
    client.feed(GET)
    gateway.loop.run_ready()
    assert (held, client.reading, len(gateway.finished)) == (False, True, 1)


def test_a_client_is_not_read_behind_an_answer_it_does_not_take(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(ok(b"x" * LARGE)[:-1])
    service.protocol.data_received(b"x")  # it had been read already
    assert (len(gateway.finished), client.reading) == (1, False)


def test_a_client_that_sends_on_and_takes_nothing_is_cut(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"ab", length=5))
    client.get_stuck()
    service.feed(ok(b"x" * 2 * LARGE)[:LARGE])
    gateway.wait(PATIENCE.write_stalled / 2)
    client.feed(b"cde")
    gateway.wait(PATIENCE.write_stalled / 2 + LOOK)
    assert client.was_reset


def test_a_client_may_be_full_while_a_policy_waits(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_request=gate.ask)])
    client = gateway.client()
    client.feed(GET)
    client.protocol.pause_writing()
    client.protocol.resume_writing()
    gateway.wait(PATIENCE.write_stalled + LOOK)
    assert not client.lost


def test_a_large_last_answer_is_taken_before_the_end(build: Open) -> None:
    gateway = build(policies=[Bound(on_request=lambda _: Response(200, [], b"x" * LARGE))])
    client = gateway.client()
    client.get_stuck()
    client.feed(b"GET /a HTTP/1.0\r\nHost: a\r\n\r\n")
    gateway.loop.run_ready()
    client.get_unstuck()
    gateway.loop.run_ready()
    assert (client.sent.endswith(b"x" * LARGE), client.lost, client.aborted) == (True, True, False)


def test_a_service_that_does_not_keep_up_holds_the_client_back(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"", length=2 * LARGE))
    service.get_stuck()
    client.feed(b"x" * LARGE)
    assert not client.reading


def test_a_client_that_goes_while_it_is_held_back_is_missed_at_once(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"", length=10 * LARGE))
    service.get_stuck()
    client.feed(b"x" * LARGE)
    assert (client.reading, len(gateway.hangups.watched)) == (False, 1)
    gateway.hangups.let_all_go()
    gateway.loop.run_ready()
    assert (service.lost, client.was_reset, len(gateway.finished)) == (True, True, 1)


def test_a_client_that_is_read_again_is_watched_no_longer(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"", length=10 * LARGE))
    service.get_stuck()
    client.feed(b"x" * LARGE)
    service.get_unstuck()
    gateway.loop.run_ready()
    assert (client.reading, gateway.hangups.watched) == (True, {})


def test_a_client_that_is_lost_is_watched_no_longer(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"", length=10 * LARGE))
    service.get_stuck()
    client.feed(b"x" * LARGE)
    client.lose()
    assert gateway.hangups.watched == {}


def test_a_service_that_keeps_up_again_lets_the_client_go_on(gateway: PaperGateway) -> None:
    client, service = gateway.asking(post(b"", length=2 * LARGE))
    service.get_stuck()
    client.feed(b"x" * LARGE)
    service.get_unstuck()
    client.feed(b"x" * LARGE)
    assert (client.reading, service.sent.count(b"x" * LARGE)) == (True, 2)


def test_a_body_without_a_connection_yet_is_held_back(gateway: PaperGateway) -> None:
    gateway.loop.answers.append(Never())
    client = gateway.client()
    client.feed(post(b"x" * LARGE, length=2 * LARGE))
    assert not client.reading


def test_a_client_that_does_not_keep_up_holds_the_service_back(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(ok(b"x" * 2 * LARGE)[:LARGE])
    assert not service.reading


def test_a_client_that_keeps_up_again_lets_the_service_go_on(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    answer = ok(b"x" * 2 * LARGE)
    service.feed(answer[:LARGE], answer[LARGE:])
    client.get_unstuck()
    gateway.loop.run_ready()
    assert client.sent.endswith(b"x" * 2 * LARGE)


def test_a_client_that_asks_on_and_takes_nothing_is_not_read(build: Open) -> None:
    gateway = build(policies=[Bound(on_request=lambda _: Response(200, [], b"x" * LARGE))])
    client = gateway.client()
    client.get_stuck()
    client.feed(GET)
    client.feed(GET)
    assert (client.reading, len(gateway.finished)) == (False, 1)


def test_a_client_that_takes_again_is_read_again(build: Open) -> None:
    gateway = build(policies=[Bound(on_request=lambda _: Response(200, [], b"x" * LARGE))])
    client = gateway.client()
    client.get_stuck()
    client.feed(GET)
    client.feed(GET)
    client.get_unstuck()
    gateway.loop.run_ready()
    assert len(statuses(client.sent)) == 2


def test_what_was_pipelined_waits_until_the_client_takes_again(build: Open) -> None:
    gateway = build(policies=[Bound(on_request=lambda _: Response(200, [], b"x" * LARGE))])
    client = gateway.client()
    client.get_stuck()
    client.feed(GET * 3)
    gateway.loop.run_ready()
    assert len(gateway.finished) == 1


# Too many, gone, and cut


def test_one_connection_too_many_is_503(build: Open) -> None:
    gateway = build(limits=ConnectionLimits(per_address=1))
    gateway.client()
    assert statuses(gateway.client().sent) == [503]


def test_one_connection_too_many_is_not_kept(build: Open) -> None:
    gateway = build(limits=ConnectionLimits(per_worker=1))
    gateway.client()
    refused = gateway.client()
    refused.feed(GET)
    gateway.wait(PATIENCE.linger + LOOK)
    assert (refused.lost, gateway.codes) == (True, ["connections_exceeded"])


def test_who_was_refused_leaves_the_others_their_places(build: Open) -> None:
    gateway = build(limits=ConnectionLimits(per_worker=1))
    gateway.client()
    gateway.client().lose()
    assert statuses(gateway.client().sent) == [503]


def test_a_trusted_proxy_may_have_any_number(build: Open) -> None:
    gateway = build(limits=ConnectionLimits(per_address=1), trusted=("192.0.2.7",))
    gateway.client()
    assert gateway.client().sent == b""


def test_who_leaves_makes_room(build: Open) -> None:
    gateway = build(limits=ConnectionLimits(per_address=1))
    gateway.client().lose()
    assert gateway.client().sent == b""


Leave = Callable[[FakeTransport], None]
LEAVES = pytest.mark.parametrize("leave", [FakeTransport.lose, FakeTransport.end])


@LEAVES
def test_a_client_that_goes_takes_its_attempt_with_it(gateway: PaperGateway, leave: Leave) -> None:
    client, service = gateway.asking()
    leave(client)
    gateway.loop.run_ready()
    assert (service.lost, gateway.pool.in_flight) == (True, 0)


@LEAVES
def test_a_client_that_goes_finishes_its_exchange_once(gateway: PaperGateway, leave: Leave) -> None:
    client, _ = gateway.asking()
    leave(client)
    gateway.loop.run_ready()
    assert [exchange.aborted for exchange in gateway.finished] == [True]


def test_a_client_that_goes_within_an_answer_finishes_once(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(OK[:-1])
    client.lose()
    gateway.loop.run_ready()
    assert [exchange.sent for exchange in gateway.finished] == [1]


def test_a_client_that_goes_while_its_connection_is_opened_leaves_it_to_others(
    gateway: PaperGateway,
) -> None:
    client = gateway.client()
    client.feed(GET)
    client.lose()
    gateway.loop.run_ready()
    assert len(gateway.pool.idle) == 1


def test_a_client_that_goes_while_a_policy_waits_is_not_asked_for(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_request=gate.ask)])
    client = gateway.client()
    client.feed(GET)
    client.lose()
    gate.answer()
    gateway.loop.run_ready()
    assert (len(gateway.finished), gateway.loop.asked) == (1, [])


def test_a_policy_that_waits_lets_the_exchange_go_on(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_request=gate.ask)])
    client = gateway.client()
    client.feed(GET)
    gateway.loop.run_ready()
    gate.answer()
    gateway.loop.run_ready()
    gateway.service.feed(OK)
    assert statuses(client.sent) == [200]


def test_an_idle_client_may_go(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET)
    client.end()
    echoing.loop.run_ready()
    assert (client.lost, client.aborted) == (True, False)


def test_half_an_answer_is_cut_with_a_reset(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(OK[:-1])
    service.lose()
    gateway.loop.run_ready()
    assert (client.was_reset, client.lost) == (True, True)


def test_on_a_unix_socket_there_is_no_reset(gateway: PaperGateway) -> None:
    client = gateway.client("", family=socket.AF_UNIX)
    client.feed(GET)
    gateway.loop.run_ready()
    gateway.service.feed(OK[:-1])
    gateway.service.lose()
    assert (client.aborted, client.was_reset) == (True, False)


def test_without_a_socket_it_is_cut_all_the_same(gateway: PaperGateway) -> None:
    client = gateway.client()
    client.socket = None
    client.protocol.abort()
    gateway.loop.run_ready()
    assert client.lost


def test_what_is_sent_behind_the_end_goes_nowhere(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.close()
    service.feed(OK)
    assert client.sent == b""


def test_a_policy_that_fails_is_answered_for(build: Open) -> None:
    gateway = build(policies=[FAILING])
    client = gateway.client()
    client.feed(GET)
    assert (statuses(client.sent), gateway.codes) == ([500], ["internal"])


# Whose answer it is


def test_an_answer_of_ours_carries_a_date(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET)
    assert client.sent.count(b"\r\ndate: " + DATE + b"\r\n") == 1


def test_a_date_of_the_service_is_the_only_one(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    theirs = b"Date: Tue, 24 Nov 2026 00:00:00 GMT\r\n"
    service.feed(OK.replace(b"\r\n", b"\r\n" + theirs, 1))
    assert client.sent.lower().count(b"date: ") == 1


def test_a_204_of_ours_has_no_body(build: Open) -> None:
    gateway = build(policies=[Bound(on_request=lambda _: Response(204, [], b"unheard"))])
    client = gateway.client()
    client.feed(GET)
    assert client.sent.endswith(b"\r\n\r\n")


def test_an_answer_to_head_has_no_body(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.sent.endswith(b"\r\n\r\n")


# Tunnels


class Tunnel:
    """A client and a service with a tunnel between them."""

    def __init__(
        self,
        gateway: PaperGateway,
        *,
        early: bytes = b"",
        behind: bytes = b"",
        protocol: bytes = b"websocket",
    ) -> None:
        self.gateway = gateway
        asked = UPGRADE.replace(b"websocket", protocol)
        self.client, self.service = gateway.asking(asked + early)
        self.service.take()
        self.service.feed(SWITCHED.replace(b"websocket", protocol) + behind)
        gateway.loop.run_ready()

    def turn(self) -> None:
        self.gateway.loop.run_ready()


@pytest.fixture
def tunnel(gateway: PaperGateway) -> Tunnel:
    made = Tunnel(gateway)
    made.client.take()
    return made


@pytest.fixture
def chat(build: Open) -> Tunnel:
    """A tunnel of a protocol that the gateway knows nothing of."""
    made = Tunnel(build(upgrade=("chat",)), protocol=b"chat")
    made.client.take()
    return made


def codes(sent: bytes) -> list[int]:
    """The code of the Close frame, which these bytes are."""
    peer = Protocol(SERVER if sent[1] & 0x80 else CLIENT)
    peer.receive_data(sent)
    assert peer.close_rcvd is not None
    return [int(peer.close_rcvd.code)]


def test_a_tunnel_begins_with_the_service_s_word(gateway: PaperGateway) -> None:
    assert statuses(Tunnel(gateway).client.sent) == [101]


def test_a_tunnel_leads_both_ways(tunnel: Tunnel) -> None:
    tunnel.client.feed(b"ping")
    tunnel.service.feed(b"pong")
    assert (tunnel.service.sent, tunnel.client.sent) == (b"ping", b"pong")


def test_what_the_client_sent_too_early_goes_first(gateway: PaperGateway) -> None:
    tunnel = Tunnel(gateway, early=b"one")
    tunnel.client.feed(b"two")
    assert tunnel.service.sent == b"onetwo"


def test_what_comes_with_the_switch_is_the_tunnel_s(gateway: PaperGateway) -> None:
    assert Tunnel(gateway, behind=b"one").client.sent.endswith(b"\r\n\r\none")


def test_bytes_of_a_tunnel_are_counted(gateway: PaperGateway) -> None:
    tunnel = Tunnel(gateway, early=b"12")
    tunnel.service.feed(b"12345")
    tunnel.client.feed(b"3")
    tunnel.client.lose()
    tunnel.turn()
    assert [(one.sent, one.received) for one in gateway.finished] == [(5, 3)]


def test_a_tunnel_that_the_client_ends_first_still_leads_back(tunnel: Tunnel) -> None:
    tunnel.client.end()
    tunnel.turn()
    tunnel.service.feed(b"last words")
    assert (tunnel.service.ended, tunnel.client.sent) == (True, b"last words")


def test_a_tunnel_that_the_service_ends_first_still_leads_there(tunnel: Tunnel) -> None:
    tunnel.service.end()
    tunnel.turn()
    tunnel.client.feed(b"last words")
    assert (tunnel.client.ended, tunnel.service.sent) == (True, b"last words")


def test_a_tunnel_that_both_have_ended_is_over(tunnel: Tunnel) -> None:
    tunnel.client.end()
    tunnel.service.end()
    tunnel.turn()
    assert (tunnel.client.lost, tunnel.service.lost) == (True, True)


def test_a_tunnel_that_both_have_ended_in_the_other_order_is_over(tunnel: Tunnel) -> None:
    tunnel.service.end()
    tunnel.client.end()
    tunnel.turn()
    assert (tunnel.client.lost, tunnel.service.lost) == (True, True)


@pytest.mark.parametrize("order", [("client", "service"), ("service", "client")])
def test_a_tunnel_that_ended_well_was_not_broken_off(
    tunnel: Tunnel, order: tuple[str, str]
) -> None:
    for name in order:
        getattr(tunnel, name).end()
    tunnel.turn()
    ends = (tunnel.client.aborted, tunnel.service.aborted, tunnel.gateway.finished[0].aborted)
    assert ends == (False, False, False)


def test_what_still_waits_in_a_tunnel_that_ends_is_sent(tunnel: Tunnel) -> None:
    tunnel.client.get_stuck()
    tunnel.service.feed(b"x" * 1000)
    tunnel.service.end()
    tunnel.client.end()
    tunnel.turn()
    tunnel.client.get_unstuck()
    assert tunnel.client.sent == b"x" * 1000


def test_a_client_that_is_cut_breaks_the_tunnel(tunnel: Tunnel) -> None:
    tunnel.client.lose()
    tunnel.turn()
    assert (tunnel.service.lost, len(tunnel.gateway.finished)) == (True, 1)


def test_a_service_that_is_cut_in_the_middle_of_a_frame_breaks_the_tunnel(
    tunnel: Tunnel,
) -> None:
    tunnel.service.feed(TEXT[:3])
    tunnel.service.lose()
    tunnel.turn()
    assert (tunnel.client.was_reset, len(tunnel.gateway.finished)) == (True, 1)


def test_a_service_that_is_cut_between_two_frames_is_excused(tunnel: Tunnel) -> None:
    tunnel.service.feed(TEXT)
    tunnel.service.lose()
    tunnel.turn()
    assert (tunnel.client.sent[: len(TEXT)], tunnel.client.ended) == (TEXT, True)
    assert codes(tunnel.client.sent[len(TEXT) :]) == [1012]
    tunnel.client.feed(b"still talking")
    tunnel.client.end()
    tunnel.turn()
    assert (tunnel.client.lost, tunnel.client.aborted) == (True, False)


def test_a_service_of_another_protocol_that_is_cut_breaks_the_tunnel(chat: Tunnel) -> None:
    chat.service.lose()
    chat.turn()
    assert chat.client.was_reset


def test_a_tunnel_that_nobody_uses_is_closed(tunnel: Tunnel) -> None:
    tunnel.gateway.wait(ROUTE.tunnel_idle + LOOK)
    assert (tunnel.client.lost, tunnel.service.lost) == (True, True)


@pytest.mark.parametrize("side", ["client", "service"])
def test_a_tunnel_that_either_side_uses_is_kept(tunnel: Tunnel, side: str) -> None:
    for _ in range(3):
        tunnel.gateway.wait(ROUTE.tunnel_idle - LOOK)
        getattr(tunnel, side).feed(b"x")
    assert not tunnel.client.lost


def test_a_client_that_does_not_take_holds_the_tunnel_s_service_back(tunnel: Tunnel) -> None:
    tunnel.client.get_stuck()
    tunnel.service.feed(b"x" * LARGE)
    held = tunnel.service.reading
    tunnel.client.get_unstuck()
    assert (held, tunnel.service.reading) == (False, True)


def test_a_service_that_does_not_take_holds_the_tunnel_s_client_back(tunnel: Tunnel) -> None:
    tunnel.service.get_stuck()
    tunnel.client.feed(b"x" * LARGE)
    held = tunnel.client.reading
    tunnel.service.get_unstuck()
    assert (held, tunnel.client.reading) == (False, True)


def test_a_tunnel_whose_client_takes_nothing_is_cut(tunnel: Tunnel) -> None:
    tunnel.client.get_stuck()
    tunnel.service.feed(b"x" * LARGE)
    tunnel.gateway.wait(PATIENCE.write_stalled + LOOK)
    assert tunnel.client.was_reset


def test_a_tunnel_whose_client_takes_again_is_kept(tunnel: Tunnel) -> None:
    tunnel.client.get_stuck()
    tunnel.service.feed(b"x" * LARGE)
    tunnel.client.get_unstuck()
    tunnel.gateway.wait(PATIENCE.write_stalled + LOOK)
    assert not tunnel.client.lost


# Draining


def test_a_body_that_turns_bad_when_its_request_has_been_answered_keeps_nobody(
    echoing: PaperGateway,
) -> None:
    """It had come before the request's turn, so that head, answer and fault are one callback."""
    client = echoing.client()
    client.feed(GET + CHUNKED[: CHUNKED.find(b"3\r\n")] + GET)
    echoing.loop.run_ready()
    assert statuses(client.sent) == [200, 200]
    echoing.wait(PATIENCE.linger + LOOK)
    assert client.lost


def idle(gateway: PaperGateway) -> FakeTransport:
    """A client that has had an answer."""
    client = gateway.client()
    client.feed(GET)
    client.take()
    return client


def test_draining_leaves_an_idle_connection_a_while(echoing: PaperGateway) -> None:
    client = idle(echoing)
    echoing.guests.drain()
    echoing.wait(PATIENCE.idle_linger - LOOK)
    assert (client.lost, client.ended) == (False, False)


def test_who_asks_in_that_while_is_told_that_this_answer_is_the_last(
    echoing: PaperGateway,
) -> None:
    client = idle(echoing)
    echoing.guests.drain()
    client.feed(GET)
    echoing.loop.run_ready()
    assert statuses(client.sent) == [200]
    assert (b"\r\nconnection: close\r\n" in client.sent, client.lost) == (True, True)


def test_a_connection_that_stays_idle_is_ended_by_halves(echoing: PaperGateway) -> None:
    """A request that crosses our end is read, so that its sender sees the end and no reset."""
    client = idle(echoing)
    echoing.guests.drain()
    echoing.wait(PATIENCE.idle_linger + LOOK)
    assert (client.ended, client.lost) == (True, False)
    client.feed(GET)
    client.end()
    echoing.loop.run_ready()
    assert (client.sent, client.lost, client.aborted) == (b"", True, False)


def test_who_does_not_end_the_other_half_is_not_waited_for_long(echoing: PaperGateway) -> None:
    client = idle(echoing)
    echoing.guests.drain()
    echoing.wait(PATIENCE.idle_linger + 1.0 + 2 * LOOK)
    assert (client.lost, client.aborted) == (True, False)


def test_a_connection_that_would_be_closed_sooner_is_closed_sooner(echoing: PaperGateway) -> None:
    client = idle(echoing)
    echoing.wait(PATIENCE.keep_alive - 1.0)
    echoing.guests.drain()
    echoing.wait(1.0 + LOOK)
    assert client.ended


def test_an_answer_whose_head_has_left_ends_and_is_followed_by_a_while(
    gateway: PaperGateway,
) -> None:
    client, service = gateway.asking()
    service.feed(OK[:-1])
    gateway.guests.drain()
    service.feed(OK[-1:])
    gateway.loop.run_ready()
    assert (client.sent.endswith(b"ok"), client.lost) == (True, False)
    gateway.wait(PATIENCE.idle_linger + LOOK)
    assert client.ended


def test_who_connects_while_it_drains_and_says_nothing_is_sent_away(echoing: PaperGateway) -> None:
    echoing.guests.drain()
    client = echoing.client()
    echoing.wait(PATIENCE.idle_linger + LOOK)
    assert client.ended


def test_an_idle_connection_that_is_cut_ends_in_order(echoing: PaperGateway) -> None:
    client = idle(echoing)
    echoing.guests.cut()
    echoing.loop.run_ready()
    assert (client.lost, client.was_reset) == (True, False)


@pytest.mark.parametrize("code", [1001, 1012])
def test_both_sides_of_a_websocket_are_told(tunnel: Tunnel, code: int) -> None:
    tunnel.gateway.guests.drain(code)
    tunnel.turn()
    assert (codes(tunnel.client.sent), codes(tunnel.service.sent)) == ([code], [1001])


def test_a_websocket_whose_sides_answer_is_over(tunnel: Tunnel) -> None:
    tunnel.gateway.guests.drain()
    tunnel.client.feed(close_frame(1001, b"", mask=b"abcd"))
    assert tunnel.client.ended
    tunnel.service.feed(close_frame(1001, b""))
    assert tunnel.service.ended
    tunnel.client.end()
    tunnel.service.end()
    tunnel.turn()
    ends = [tunnel.client, tunnel.service]
    assert [(end.lost, end.aborted) for end in ends] == [(True, False)] * 2


def test_a_websocket_whose_client_answers_nothing_is_closed(tunnel: Tunnel) -> None:
    tunnel.gateway.guests.drain()
    tunnel.gateway.wait(PATIENCE.linger - LOOK)
    assert not tunnel.client.lost
    tunnel.client.feed(b"\x8a\x80abcd")  # whatever it says: it is no Close
    tunnel.gateway.wait(2 * LOOK)
    assert (tunnel.client.lost, tunnel.client.aborted) == (True, False)
    assert (tunnel.service.ended, tunnel.service.lost) == (True, False)
    tunnel.gateway.wait(5.0 + LOOK)
    assert tunnel.service.lost


def test_a_service_that_still_talks_when_the_client_has_gone_is_closed(tunnel: Tunnel) -> None:
    tunnel.gateway.guests.drain()
    tunnel.client.lose()
    tunnel.turn()
    tunnel.service.feed(TEXT)
    tunnel.turn()
    assert tunnel.service.lost


def test_a_client_that_is_stuck_is_told_when_it_takes_again(tunnel: Tunnel) -> None:
    tunnel.client.get_stuck()
    tunnel.service.feed(b"\x82\x7f" + LARGE.to_bytes(8, "big") + bytes(LARGE))
    tunnel.gateway.guests.drain()
    tunnel.client.get_unstuck()
    assert codes(tunnel.client.sent[LARGE + 10 :]) == [1012]
    tunnel.gateway.wait(PATIENCE.linger + LOOK)
    assert (tunnel.client.lost, tunnel.client.was_reset) == (True, False)


def test_a_websocket_in_the_middle_of_a_frame_is_waited_for(tunnel: Tunnel) -> None:
    tunnel.service.feed(TEXT[:3])
    tunnel.gateway.guests.drain()
    tunnel.gateway.wait(PATIENCE.linger + LOOK)
    assert tunnel.client.sent == TEXT[:3]
    tunnel.service.feed(TEXT[3:])
    assert codes(tunnel.client.sent[len(TEXT) :]) == [1012]


def dismiss(tunnel: Tunnel) -> None:
    """End it for a reason of a policy's."""
    connection = tunnel.client.protocol
    assert isinstance(connection, ClientConnection)
    connection.dismiss(3000, b"over")
    tunnel.turn()


def test_a_websocket_that_is_dismissed_hears_why_and_leads_nowhere(tunnel: Tunnel) -> None:
    dismiss(tunnel)
    assert (codes(tunnel.client.sent), codes(tunnel.service.sent)) == ([3000], [1001])
    sent = tunnel.service.sent
    tunnel.client.feed(b"\x82\x81abcdx")
    assert tunnel.service.sent == sent


def test_one_that_is_dismissed_in_the_middle_of_a_frame_is_not_waited_for_long(
    tunnel: Tunnel,
) -> None:
    tunnel.service.feed(TEXT[:3])
    dismiss(tunnel)
    assert tunnel.client.sent == TEXT[:3]
    for _ in range(2):
        tunnel.service.feed(TEXT[3:4])
        tunnel.gateway.wait(PATIENCE.linger / 2 + LOOK)
    tunnel.turn()
    assert tunnel.client.lost


def test_a_tunnel_of_another_protocol_that_is_dismissed_is_cut(chat: Tunnel) -> None:
    dismiss(chat)
    assert (chat.client.was_reset, chat.service.lost) == (True, True)


def test_a_websocket_that_begins_while_it_drains_is_told_at_once(gateway: PaperGateway) -> None:
    gateway.guests.drain()
    tunnel = Tunnel(gateway, behind=TEXT)
    assert codes(tunnel.client.sent.partition(b"\r\n\r\n")[2]) == [1012]


def test_a_tunnel_of_another_protocol_goes_on_while_it_is_used(chat: Tunnel) -> None:
    chat.gateway.guests.drain()
    for _ in range(3):
        chat.gateway.wait(PATIENCE.idle_linger - LOOK)
        chat.service.feed(b"on")
    assert (chat.client.sent, chat.client.ended) == (b"ononon", False)


def test_a_tunnel_of_another_protocol_that_is_idle_is_ended_by_halves(chat: Tunnel) -> None:
    chat.gateway.guests.drain()
    chat.gateway.wait(PATIENCE.idle_linger + LOOK)
    chat.client.feed(b"too late")
    chat.service.feed(b"too late")
    ends = [chat.client, chat.service]
    assert [(end.ended, end.sent, end.lost) for end in ends] == [(True, b"", False)] * 2
    chat.client.end()
    chat.service.end()
    chat.turn()
    assert [(end.lost, end.aborted) for end in ends] == [(True, False)] * 2


def test_draining_waits_for_an_answer_and_says_that_it_is_the_last(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    gateway.guests.drain()
    service.feed(OK)
    gateway.loop.run_ready()
    assert (b"\r\nconnection: close\r\n" in client.sent, client.lost) == (True, True)


def test_draining_lets_a_request_end_that_has_begun(echoing: PaperGateway) -> None:
    client = echoing.client()
    client.feed(GET[:-2])
    echoing.guests.drain()
    client.feed(GET[-2:])
    assert statuses(client.sent) == [200]


def test_who_comes_while_it_drains_has_one_answer(echoing: PaperGateway) -> None:
    echoing.guests.drain()
    client = echoing.client()
    client.feed(GET)
    echoing.loop.run_ready()
    assert (statuses(client.sent), client.lost) == ([200], True)


def test_who_does_not_leave_in_time_is_cut(gateway: PaperGateway) -> None:
    client, _ = gateway.asking()
    gateway.guests.cut()
    gateway.loop.run_ready()
    assert (client.was_reset, client.lost) == (True, True)


# Giving way


ONE_PLACE = ConnectionLimits(per_worker=1)


def test_an_idle_connection_gives_way_to_a_new_one(build: Open) -> None:
    gateway = build(limits=ONE_PLACE, policies=[ECHO])
    idle = gateway.client()
    idle.feed(GET)
    gateway.wait(2.0)
    new = gateway.client()
    new.feed(GET)
    gateway.loop.run_ready()
    assert (idle.lost, idle.aborted, statuses(new.sent)) == (True, False, [200])


def test_one_that_has_never_asked_gives_way_too(build: Open) -> None:
    gateway = build(limits=ONE_PLACE)
    silent = gateway.client()
    gateway.wait(2.0)
    new = gateway.client()
    gateway.loop.run_ready()
    assert (silent.lost, new.lost) == (True, False)


def test_what_has_been_idle_longest_gives_way_first(build: Open) -> None:
    gateway = build(limits=ConnectionLimits(per_worker=2), policies=[ECHO])
    first, second = gateway.client(), gateway.client()
    gateway.wait(2.0)
    first.feed(GET)
    gateway.wait(2.0)
    gateway.client()
    gateway.loop.run_ready()
    assert (first.lost, second.lost) == (False, True)


def stays(gateway: PaperGateway, client: FakeTransport) -> bool:
    """Whether a client keeps its place when another wants one."""
    gateway.wait(2.0)
    refused = gateway.client()
    gateway.loop.run_ready()
    return statuses(refused.sent) == [503] and not client.lost


def test_half_a_head_does_not_give_way(build: Open) -> None:
    gateway = build(limits=ONE_PLACE)
    client = gateway.client()
    client.feed(GET[:-2])
    assert stays(gateway, client)


def test_an_exchange_does_not_give_way(build: Open) -> None:
    gateway = build(limits=ONE_PLACE)
    client, _ = gateway.asking()
    assert stays(gateway, client)


def test_an_answer_that_is_still_to_leave_does_not_give_way(build: Open) -> None:
    gateway = build(limits=ONE_PLACE, policies=[ECHO])
    client = gateway.client()
    client.get_stuck()
    client.feed(GET)
    assert stays(gateway, client)


def test_one_that_lingers_does_not_give_way(build: Open) -> None:
    gateway = build(limits=ONE_PLACE, policies=[ECHO])
    client = gateway.client()
    client.feed(post(b"abcde")[:-1])
    assert stays(gateway, client)


def test_a_connection_that_was_never_open_has_no_transport(gateway: PaperGateway) -> None:
    assert repr(ClientConnection(gateway.entrance)) == "<client :0 None>"


class Watchful:
    """Cuts one address, and takes down who comes and who is slow."""

    def __init__(self) -> None:
        self.met: list[str] = []
        self.slowed: list[str] = []

    def meets(self, address: str) -> bool:
        self.met.append(address)
        return address != "203.0.113.7"

    def slow(self, address: str) -> None:
        self.slowed.append(address)


def test_whoever_is_kept_out_is_cut_and_counts_for_nothing(gateway: PaperGateway) -> None:
    gateway.entrance.ward = ward = Watchful()
    hostile, other = gateway.client(("203.0.113.7", 1)), gateway.client()
    gateway.loop.run_ready()
    assert (hostile.was_reset, other.lost) == (True, False)
    assert gateway.connected == 1.0
    assert ward.met == ["203.0.113.7", "192.0.2.7"]


def test_a_proxy_is_met_by_nobody(build: Open) -> None:
    gateway = build(trusted=("203.0.113.0/24",))
    gateway.entrance.ward = ward = Watchful()
    assert not gateway.client(("203.0.113.7", 1)).lost
    assert ward.met == []


def test_whoever_takes_no_answer_is_told_of(gateway: PaperGateway) -> None:
    gateway.entrance.ward = ward = Watchful()
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(ok(b"x" * LARGE))
    gateway.wait(PATIENCE.write_stalled + LOOK)
    assert ward.slowed == ["192.0.2.7"]


# Others come first


@pytest.fixture
def busy(echoing: PaperGateway) -> tuple[PaperGateway, FakeTransport]:
    """A gateway that has taken up all that a turn takes, and a client behind those."""
    for _ in range(64):
        assert b"/a;" in ask(echoing, get("/a"))
    return echoing, echoing.client()


def ask(gateway: PaperGateway, request: bytes) -> bytes:
    client = gateway.client()
    client.feed(request)
    return client.take()


def test_what_comes_behind_many_is_answered_in_the_next_turn_in_order(
    busy: tuple[PaperGateway, FakeTransport],
) -> None:
    gateway, client = busy
    for part in bytewise(get("/b") + get("/c")):
        client.feed(part)
    assert client.take() == b""
    gateway.loop.run_ready()
    said = client.take()
    assert 0 < said.index(b"/b;") < said.index(b"/c;")


def test_much_that_waits_is_taken_up_at_once(busy: tuple[PaperGateway, FakeTransport]) -> None:
    gateway, client = busy
    client.feed(post(b"x" * (16 * 1024)))
    assert b"/a;" in client.take()
    gateway.loop.run_ready()
    assert client.take() == b""


def test_who_waits_and_ends_is_begun_all_the_same(
    busy: tuple[PaperGateway, FakeTransport],
) -> None:
    """Whoever is in need and leaves at once has been heard."""
    gateway, client = busy
    client.feed(get("/b"))
    client.end()
    assert b"/b;" in client.take()
    gateway.loop.run_ready()


def test_who_waits_and_breaks_off_is_forgotten(busy: tuple[PaperGateway, FakeTransport]) -> None:
    gateway, client = busy
    client.feed(get("/b"))
    client.lose()
    gateway.loop.run_ready()
    assert client.take() == b""


def test_who_waits_for_its_turn_is_neither_idle_nor_late(
    busy: tuple[PaperGateway, FakeTransport],
) -> None:
    gateway, client = busy
    client.feed(get("/b"))
    connection = client.protocol
    assert isinstance(connection, ClientConnection)
    assert connection.idle_since() == float("inf")
    connection.on_deadline(gateway.loop.time() + PATIENCE.header)
    assert not client.is_closing()
    gateway.loop.run_ready()
    assert b"/b;" in client.take()


def test_who_is_in_a_crisis_is_taken_up_before_hundreds_who_came_earlier(
    build: Open,
) -> None:
    """Red where what has come is taken up in the order in which it came."""
    gateway = build(policies=(Bound(on_request=echo, traffic=CRISIS),), path="/a")
    many = [gateway.client() for _ in range(300)]
    for client in many:
        client.feed(get("/nowhere"))
    last = gateway.client()
    last.feed(get("/a"))
    gateway.loop.turn()
    assert b"/a;" in last.take()
    assert sum(bool(client.sent) for client in many) < 150
    gateway.loop.run_ready()
    assert all(statuses(client.sent) == [404] for client in many)


def test_a_refusal_that_is_told_by_rote_is_one_write_and_whole(build: Open) -> None:
    gateway = build(policies=(Telling(), Bound(on_request=refuse)))
    told = []
    for _ in range(2):
        client = gateway.client()
        client.feed(GET + GET)
        gateway.loop.run_ready()
        told.append(client.take())
        assert statuses(told[-1]) == [503, 503]
        assert told[-1].count(b"\r\ndate: " + DATE) == 2
        assert not client.is_closing()
    assert told[0] == told[1]
