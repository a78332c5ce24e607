"""A connection to a service, on paper: the test is the service, and its client."""

import errno
import socket

import pytest

from tests.helpers.builders import Bound
from tests.helpers.fake_loop import Never
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import (
    GET,
    OK,
    Gate,
    Open,
    PaperGateway,
    post,
    statuses,
)
from tta_gateway.kernel.route import Endpoint, EndpointLimits, Timeouts

ROUTE = Timeouts()
LOOK = 0.3  # seconds: a little more than the sweeper takes to see what is due
IDLE = 60.0  # seconds that an unused connection is kept
LARGE = 100 * 1024
HEAD = b"HTTP/1.1 200 OK\r\n"
UNTIL_CLOSE = HEAD + b"\r\nabc"
UPGRADE = (
    b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.fixture
def once(build: Open) -> PaperGateway:
    """A gateway that tries once."""
    return build(tries=1)


def used(gateway: PaperGateway) -> FakeTransport:
    """Return a connection that has served a request, and is idle."""
    _, service = gateway.asking()
    service.feed(OK)
    return service


# Answers, however they are cut

ANSWERS = {
    "length": HEAD + b"Content-Length: 5\r\nX-A: b\r\n\r\nabcde",
    "empty": HEAD + b"Content-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
    "not modified": b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    "last": HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nab",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    "error": b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno",
    "location": b"HTTP/1.1 201 Created\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_cut_anywhere_is_the_same_to_the_client(
    build: Open, answer: bytes
) -> None:
    client, service = build().asking()
    service.feed(answer)
    whole = client.sent
    for at in range(1, len(answer)):
        client, service = build().asking()
        service.feed(answer[:at], answer[at:])
        assert client.sent == whole


CHUNKED = {
    "chunks": b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    "trailers": b"3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n",
    "nothing": b"0\r\n\r\n",
}


def unchunked(sent: bytes) -> tuple[bytes, bytes]:
    """Return the head and the body of a chunked answer, with the trailers behind it."""
    head, rest = sent.split(b"\r\n\r\n", 1)
    lines = rest.split(b"\r\n")
    last = lines.index(b"0")
    return head, b"".join(lines[1:last:2] + lines[last:])


@pytest.mark.parametrize("body", CHUNKED.values(), ids=CHUNKED)
def test_chunks_that_are_cut_anywhere_mean_the_same_to_the_client(build: Open, body: bytes) -> None:
    answer = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body
    client, service = build().asking()
    service.feed(answer)
    whole = unchunked(client.sent)
    for at in range(1, len(answer)):
        client, service = build().asking()
        service.feed(answer[:at], answer[at:])
        assert unchunked(client.sent) == whole


def flood(count: int) -> bytes:
    """Return an answer whose body comes in chunks of one byte, without its end."""
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\ny\r\n" * count


LAST = b"0\r\n\r\n"


def test_a_flood_of_chunks_has_many_turns_of_the_loop(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(flood(3000) + LAST)
    assert (client.sent.count(b"y"), service.reading) == (500, False)
    gateway.loop.run_ready()
    assert (client.sent.count(b"y"), client.sent.endswith(LAST)) == (3000, True)
    assert service.reading


def test_behind_a_flood_of_chunks_the_connection_serves_again(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(flood(3000) + LAST)
    gateway.loop.run_ready()
    client.feed(GET)
    service.feed(OK)
    assert statuses(client.sent) == [200, 200]


def test_a_flood_of_chunks_waits_for_a_client_that_is_full(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    big = b"11000\r\n" + b"x" * 0x11000 + b"\r\n"
    service.feed(flood(0) + big + b"1\r\ny\r\n" * 3000 + LAST)
    gateway.loop.run_ready()
    assert not service.reading
    client.get_unstuck()
    gateway.loop.run_ready()
    assert (client.sent.count(b"y"), client.sent.endswith(LAST)) == (3000, True)


def test_an_end_behind_a_flood_of_chunks_waits_for_it(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(flood(3000) + LAST)
    service.protocol.eof_received()  # as a transport may that had it read already
    assert (client.sent.count(b"y"), client.sent.endswith(LAST)) == (3000, True)


def test_a_client_that_goes_in_a_flood_of_chunks_ends_it(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(flood(3000))
    client.lose()
    gateway.loop.run_ready()
    assert (service.lost, gateway.reported) == (True, [])


def test_an_answer_in_single_bytes_is_the_same_to_the_client(build: Open) -> None:
    client, service = build().asking()
    service.feed(*[OK[at : at + 1] for at in range(len(OK))])
    assert client.sent == OK.replace(b"Content-Length", b"content-length")


def test_an_answer_to_head_has_no_body_whatever_it_says(gateway: PaperGateway) -> None:
    _, service = gateway.asking(GET.replace(b"GET", b"HEAD"))
    service.feed(HEAD + b"Content-Length: 5\r\n\r\n")
    assert (len(gateway.finished), len(gateway.pool.idle)) == (1, 1)


# Whether a connection serves again


def test_a_connection_serves_again(gateway: PaperGateway) -> None:
    service = used(gateway)
    gateway.asking()
    assert service.sent.count(b"GET ") == 2


def test_an_answer_in_pieces_leaves_its_connection_to_others(gateway: PaperGateway) -> None:
    _, service = gateway.asking()
    service.feed(OK[:-1], OK[-1:])
    gateway.asking()
    assert service.sent.count(b"GET ") == 2


@pytest.mark.parametrize("name", ["last", "1.0"])
def test_a_connection_that_says_it_is_over_is_closed(gateway: PaperGateway, name: str) -> None:
    _, service = gateway.asking()
    service.feed(ANSWERS[name])
    gateway.loop.run_ready()
    assert (service.lost, gateway.pool.open) == (True, 0)


def test_data_that_nobody_asked_for_ends_an_idle_connection(gateway: PaperGateway) -> None:
    service = used(gateway)
    service.feed(b"x")
    gateway.loop.run_ready()
    assert (service.lost, gateway.pool.idle) == (True, [])


def test_data_that_nobody_asked_for_reaches_nobody(gateway: PaperGateway) -> None:
    service = used(gateway)
    service.feed(OK)
    client, _ = gateway.asking()
    assert (client.sent, len(gateway.loop.opened)) == (b"", 2)


def test_an_answer_too_many_is_not_the_next_client_s(gateway: PaperGateway) -> None:
    _, service = gateway.asking()
    service.feed(OK + OK)
    client, _ = gateway.asking()
    assert (client.sent, len(gateway.loop.opened)) == (b"", 2)


def test_an_idle_connection_that_the_service_ends_is_nobody_s(gateway: PaperGateway) -> None:
    service = used(gateway)
    service.end()
    _, other = gateway.asking()
    assert (service.lost, other is service) == (True, False)


def test_an_idle_connection_that_breaks_is_nobody_s(gateway: PaperGateway) -> None:
    service = used(gateway)
    service.lose()
    _, other = gateway.asking()
    assert other is not service


def test_a_connection_that_closes_under_its_answer_serves_nobody_else(
    gateway: PaperGateway,
) -> None:
    _, service = gateway.asking()
    service.feed(OK[:-1])
    service.protocol._transport.is_closing = lambda: True
    service.protocol.data_received(OK[-1:])
    assert gateway.pool.idle == []


def test_an_unused_connection_is_kept_for_a_while(gateway: PaperGateway) -> None:
    service = used(gateway)
    gateway.wait(IDLE - LOOK)
    assert not service.lost


def test_an_unused_connection_is_closed_in_the_end(gateway: PaperGateway) -> None:
    service = used(gateway)
    gateway.wait(IDLE + LOOK)
    assert (service.lost, gateway.pool.idle) == (True, [])


def test_a_connection_nobody_has_ever_used_is_closed_in_the_end(gateway: PaperGateway) -> None:
    client = gateway.client()
    client.feed(GET)
    client.lose()
    gateway.wait(IDLE + LOOK)
    assert gateway.service.lost


def test_who_waited_for_a_connection_has_the_one_that_is_free(build: Open) -> None:
    gateway = build(capacity=EndpointLimits(connections=1))
    _, service = gateway.asking()
    second, _ = gateway.asking()
    service.feed(OK)
    service.feed(OK)
    assert (statuses(second.sent), len(gateway.loop.opened)) == ([200], 1)


def test_who_waited_for_a_connection_has_the_place_of_one_that_ended(build: Open) -> None:
    gateway = build(capacity=EndpointLimits(connections=1))
    first, _ = gateway.asking()
    second, _ = gateway.asking()
    first.lose()
    gateway.loop.run_ready()
    gateway.service.feed(OK)
    assert statuses(second.sent) == [200]


def test_who_waits_too_long_for_a_connection_is_504(build: Open) -> None:
    patient = Timeouts(first_byte=500.0, total=5.0)
    gateway = build(capacity=EndpointLimits(connections=1), timeouts=patient)
    gateway.asking(post(b"ab", length=5))
    second, _ = gateway.asking()
    gateway.wait(5.0 + LOOK)
    assert statuses(second.sent) == [504]


# The end of the service's direction


def test_an_answer_that_ends_with_its_connection_is_whole(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(UNTIL_CLOSE)
    service.end()
    gateway.loop.run_ready()
    assert (client.sent[-3:], client.lost, client.aborted) == (b"abc", True, False)


def test_an_answer_that_ends_with_its_connection_says_so_to_the_client(
    gateway: PaperGateway,
) -> None:
    client, service = gateway.asking()
    service.feed(UNTIL_CLOSE)
    assert b"\r\nconnection: close\r\n" in client.sent


def test_an_answer_until_the_end_that_breaks_is_not_whole(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(UNTIL_CLOSE)
    service.lose()
    assert (client.was_reset, gateway.finished[:1]) == (True, [])


def test_an_end_in_the_middle_of_a_body_cuts_the_client_off(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(OK[:-1])
    service.end()
    gateway.loop.run_ready()
    assert (client.was_reset, gateway.codes) == (True, ["upstream_answer_incomplete"])


def test_an_end_in_the_middle_of_a_head_is_502(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(HEAD)
    service.end()
    assert (statuses(client.sent), gateway.codes) == ([502], ["upstream_answer_incomplete"])


def test_an_end_without_an_answer_is_502(once: PaperGateway) -> None:
    client, service = once.asking()
    service.end()
    assert (statuses(client.sent), once.codes) == ([502], ["upstream_connection_terminated"])


def test_a_reset_without_an_answer_is_502(once: PaperGateway) -> None:
    client, service = once.asking()
    service.lose()
    assert (statuses(client.sent), once.codes) == ([502], ["upstream_connection_terminated"])


# A write that fails hides what the service had said before


def uploading(gateway: PaperGateway) -> tuple[FakeTransport, FakeTransport]:
    """Let a client begin an upload; return its end, and the service's."""
    return gateway.asking(post(b"abc", length=1000))


WITH_CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def heard(build: Open, answer: bytes, read: int) -> bytes:
    """Return what a client hears of an early answer whose end is behind a write that failed."""
    gateway = build()
    client, service = uploading(gateway)
    service.feed(*[answer[:read]][:read])
    service.lose(answer[read:])
    assert (client.aborted, gateway.codes, gateway.pool.open) == (False, [], 0)
    return client.sent


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_early_answer_is_heard_before_the_reset_behind_it(build: Open, answer: bytes) -> None:
    client, service = uploading(build())
    service.feed(answer)
    for read in range(len(answer)):
        assert heard(build, answer, read) == client.sent


@pytest.mark.parametrize("body", CHUNKED.values(), ids=CHUNKED)
def test_early_chunks_are_heard_before_the_reset_behind_them(build: Open, body: bytes) -> None:
    client, service = uploading(build())
    service.feed(WITH_CHUNKS + body)
    for read in range(len(WITH_CHUNKS + body)):
        assert unchunked(heard(build, WITH_CHUNKS + body, read)) == unchunked(client.sent)


def test_an_early_answer_that_the_reset_cut_is_cut(gateway: PaperGateway) -> None:
    client, service = uploading(gateway)
    service.lose(OK[:-1])
    gateway.loop.run_ready()
    assert (client.was_reset, gateway.codes) == (True, ["upstream_connection_terminated"])


def test_an_early_answer_until_the_end_is_not_whole_behind_a_reset(gateway: PaperGateway) -> None:
    client, service = uploading(gateway)
    service.lose(UNTIL_CLOSE)
    gateway.loop.run_ready()
    assert (client.was_reset, gateway.codes) == (True, ["upstream_connection_terminated"])


def test_a_part_of_a_head_before_a_reset_is_502(gateway: PaperGateway) -> None:
    client, service = uploading(gateway)
    service.lose(HEAD)
    assert (statuses(client.sent), gateway.codes) == ([502], ["upstream_connection_terminated"])


def test_garbage_before_a_reset_is_told_as_what_it_is(gateway: PaperGateway) -> None:
    client, service = uploading(gateway)
    service.lose(b"nonsense\r\n\r\n")
    assert (statuses(client.sent), gateway.codes) == ([502], ["upstream_answer_malformed"])


def test_an_answer_in_many_chunks_is_heard_before_the_reset(gateway: PaperGateway) -> None:
    client, service = uploading(gateway)
    service.feed(flood(1000))
    assert client.sent.count(b"y") == 500
    service.lose(b"1\r\ny\r\n" * 1000 + LAST)
    assert (client.sent.count(b"y"), client.sent.endswith(LAST)) == (2000, True)


def test_an_answer_in_very_many_chunks_holds_the_loop_no_longer_for_a_reset(
    gateway: PaperGateway,
) -> None:
    client, service = uploading(gateway)
    service.lose(flood(5000) + LAST)
    gateway.loop.run_ready()
    assert (client.was_reset, gateway.codes) == (True, ["upstream_connection_terminated"])


def test_an_early_answer_waits_for_a_policy_when_its_connection_has_gone(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_response=gate.ask)])
    client, service = uploading(gateway)
    service.lose(WITH_CHUNKS + CHUNKED["chunks"])
    gateway.loop.run_ready()
    assert client.sent == b""
    gate.answer()
    gateway.loop.run_ready()
    assert statuses(client.sent) == [200]
    assert client.sent.endswith(LAST)


def test_what_a_dead_connection_said_before_the_request_is_no_answer_to_it(
    once: PaperGateway,
) -> None:
    """As a 408 to nobody: the one write of this request was refused."""
    dead = used(once)
    client, _ = once.asking()
    dead.lose(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    once.loop.run_ready()
    once.service.feed(OK)
    assert (statuses(client.sent), once.finished[-1].tries) == ([200], 1)


def test_a_fresh_connection_that_answers_and_resets_is_heard(once: PaperGateway) -> None:
    """As a service that is full, and does not even read what it turns away."""
    client, service = once.asking()
    service.lose(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n")
    assert statuses(client.sent) == [503]


def test_a_tunnel_that_opens_before_a_reset_ends_with_it(gateway: PaperGateway) -> None:
    client, service = gateway.asking(UPGRADE)
    service.lose(SWITCHED)
    gateway.wait(10.0)
    assert (statuses(client.sent), client.lost) == ([101], True)


def test_an_idle_connection_that_turns_out_to_be_dead_costs_no_try(once: PaperGateway) -> None:
    service = used(once)
    client, _ = once.asking()
    service.end()
    once.loop.run_ready()
    once.service.feed(OK)
    assert (statuses(client.sent), once.finished[-1].tries) == ([200], 1)


def test_garbage_is_502_and_ends_the_connection(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(b"nonsense\r\n\r\n")
    gateway.loop.run_ready()
    found = (statuses(client.sent), gateway.codes, service.lost)
    assert found == ([502], ["upstream_answer_malformed"], True)


def test_garbage_behind_a_head_cuts_the_client_off(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"nonsense\r\n")
    assert (statuses(client.sent), client.was_reset) == ([200], True)


def test_a_switch_that_nobody_asked_for_is_502(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(SWITCHED + b"raw")
    assert statuses(client.sent) == [502]


# Time


def test_a_service_that_says_nothing_is_504(once: PaperGateway) -> None:
    client, service = once.asking()
    once.wait(ROUTE.first_byte + LOOK)
    found = (statuses(client.sent), once.codes, service.lost)
    assert found == ([504], ["upstream_first_byte_timeout"], True)


def test_a_service_that_answers_in_time_is_waited_for(once: PaperGateway) -> None:
    client, service = once.asking()
    once.wait(ROUTE.first_byte - LOOK)
    service.feed(OK)
    assert statuses(client.sent) == [200]


def test_all_tries_together_have_an_end(build: Open) -> None:
    gateway = build(timeouts=Timeouts(first_byte=500.0, total=5.0))
    client, _ = gateway.asking()
    gateway.wait(5.0 + LOOK)
    assert (statuses(client.sent), gateway.codes) == ([504], ["upstream_total_timeout"])


def test_a_second_try_has_what_the_first_left(build: Open) -> None:
    gateway = build(timeouts=Timeouts(first_byte=4.0, total=5.0))
    client, _ = gateway.asking()
    gateway.wait(5.0 + LOOK)
    assert (statuses(client.sent), len(gateway.loop.opened)) == ([504], 2)


def test_an_interim_answer_gives_no_more_time(once: PaperGateway) -> None:
    client, service = once.asking()
    once.wait(ROUTE.first_byte - LOOK)
    service.feed(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    once.wait(2 * LOOK)
    assert statuses(client.sent) == [103, 504]


def test_an_answer_that_stands_still_cuts_the_client_off(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    service.feed(OK[:-1])
    gateway.wait(ROUTE.idle + LOOK)
    found = (client.was_reset, gateway.codes, service.lost)
    assert found == (True, ["upstream_answer_stalled"], True)


def test_every_part_of_an_answer_gives_it_time(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    for piece in (OK[:-2], OK[-2:-1], OK[-1:]):
        service.feed(piece)
        gateway.wait(ROUTE.idle - LOOK)
    assert client.sent.endswith(b"ok")


def test_a_service_has_its_time_behind_a_slow_body(once: PaperGateway) -> None:
    part = b"x" * 20_000  # in 30 s: faster than the least rate
    client, service = once.asking(post(b"", length=3 * len(part)))
    for _ in range(3):
        once.wait(ROUTE.body_idle - 2 * LOOK)
        client.feed(part)
    once.wait(ROUTE.first_byte - LOOK)
    service.feed(OK)
    assert statuses(client.sent) == [200]


def test_a_service_that_says_nothing_to_a_whole_body_is_504(once: PaperGateway) -> None:
    client, _ = once.asking(post(b"", length=3))
    client.feed(b"xyz")
    once.wait(ROUTE.first_byte + LOOK)
    assert statuses(client.sent) == [504]


def test_a_service_that_takes_nothing_of_a_body_is_504(once: PaperGateway) -> None:
    client, service = once.asking(post(b"", length=2 * LARGE))
    service.get_stuck()
    client.feed(b"x" * LARGE)
    once.wait(ROUTE.first_byte + LOOK)
    assert (statuses(client.sent), once.codes) == ([504], ["upstream_first_byte_timeout"])


def test_a_service_that_takes_the_body_again_waits_for_the_client(once: PaperGateway) -> None:
    client, service = once.asking(post(b"", length=2 * LARGE))
    service.get_stuck()
    client.feed(b"x" * LARGE)
    once.wait(ROUTE.first_byte - LOOK)
    service.get_unstuck()
    once.wait(ROUTE.body_idle - LOOK)
    client.feed(b"x" * LARGE)
    service.feed(OK)
    assert statuses(client.sent) == [200]


def test_an_answer_that_the_client_does_not_take_is_not_late(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(HEAD + b"Content-Length: 200000\r\n\r\n" + b"x" * LARGE)
    gateway.wait(ROUTE.idle - 2 * LOOK)
    client.get_unstuck()
    gateway.wait(ROUTE.idle - 2 * LOOK)
    assert gateway.codes == []


def test_an_answer_that_stands_still_behind_a_slow_client_is_late(gateway: PaperGateway) -> None:
    client, service = gateway.asking()
    client.get_stuck()
    service.feed(HEAD + b"Content-Length: 200000\r\n\r\n" + b"x" * LARGE)
    client.get_unstuck()
    gateway.wait(ROUTE.idle + LOOK)
    assert gateway.codes == ["upstream_answer_stalled"]


# Flow


def test_an_answer_whose_head_waits_for_a_policy_waits_too(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_response=gate.ask)])
    client, service = gateway.asking()
    service.feed(OK[:-1], OK[-1:])
    gateway.loop.run_ready()
    assert (client.sent, service.reading) == (b"", False)


def test_an_answer_whose_head_has_waited_is_whole(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_response=gate.ask)])
    client, service = gateway.asking()
    service.feed(OK[:-1], OK[-1:])
    gateway.loop.run_ready()
    gate.answer()
    gateway.loop.run_ready()
    assert client.sent == OK.replace(b"Content-Length", b"content-length")


def test_a_connection_held_for_a_policy_serves_again(build: Open) -> None:
    gate = Gate()
    gateway = build(policies=[Bound(on_response=gate.ask)])
    client, service = gateway.asking()
    service.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\ny\r\n0\r\nX-A: b\r\n\r\n")
    gate.answer()
    gateway.loop.run_ready()
    assert (statuses(client.sent), service.reading) == ([200], True)


def test_a_connection_that_has_gone_may_be_asked_to_read_on(gateway: PaperGateway) -> None:
    _, service = gateway.asking()
    service.lose()
    service.protocol.pause_reading()
    service.protocol.resume_reading()
    assert service.reading


def test_a_connection_nobody_uses_may_be_full(gateway: PaperGateway) -> None:
    service = used(gateway)
    service.protocol.pause_writing()
    service.protocol.resume_writing()
    assert gateway.pool.idle == [service.protocol]


# Tunnels


def tunnel(gateway: PaperGateway, early: bytes = b"") -> tuple[FakeTransport, FakeTransport]:
    client, service = gateway.asking(UPGRADE + early)
    service.feed(SWITCHED)
    gateway.loop.run_ready()
    return client, service


def test_a_connection_that_became_a_tunnel_has_no_time_of_its_own(gateway: PaperGateway) -> None:
    client, service = tunnel(gateway)
    gateway.wait(ROUTE.tunnel_idle - LOOK)
    assert (client.lost, service.lost) == (False, False)


def test_a_connection_that_was_a_tunnel_serves_nobody_else(gateway: PaperGateway) -> None:
    client, service = tunnel(gateway)
    client.end()
    service.end()
    gateway.loop.run_ready()
    assert (gateway.pool.open, gateway.pool.idle) == (0, [])


def test_a_service_that_takes_nothing_more_of_a_tunnel_that_is_over_is_cut(
    gateway: PaperGateway,
) -> None:
    client, service = tunnel(gateway)
    service.get_stuck()
    client.feed(b"x")
    client.end()
    service.end()
    gateway.wait(IDLE + LOOK)
    assert (service.aborted, service.lost) == (True, True)


def test_a_service_that_ends_a_tunnel_first_is_cut_when_it_takes_nothing_more(
    gateway: PaperGateway,
) -> None:
    client, service = tunnel(gateway)
    service.get_stuck()
    service.end()
    client.feed(b"x")
    client.end()
    gateway.wait(IDLE + LOOK)
    assert (service.aborted, service.lost) == (True, True)


def test_more_than_the_service_takes_holds_the_client_back_from_the_first(
    gateway: PaperGateway,
) -> None:
    client, service = gateway.asking(UPGRADE)
    service.get_stuck()
    client.feed(b"x" * 60 * 1024)
    client.protocol._codec.waiting += b"x" * 10 * 1024
    service.feed(SWITCHED)
    assert not client.reading


# Connections that do not come about

REFUSED = ConnectionRefusedError(111, "refused")
UNREACHABLE = OSError(113, "no route to host")
UNKNOWN = socket.gaierror(-2, "unknown")
NO_NAME = UnicodeError("label too long")
FAILURES = [
    (REFUSED, 502, "upstream_connection_refused"),
    (UNREACHABLE, 502, "upstream_connection_refused"),
    (UNKNOWN, 502, "upstream_name_unresolved"),
    (NO_NAME, 502, "upstream_name_unresolved"),
    (OSError(errno.EMFILE, "too many open files"), 503, "out_of_sockets"),
    (Never(), 504, "upstream_connect_timeout"),
    (Never(late=True), 504, "upstream_connect_timeout"),
]


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES)
def test_a_connection_that_does_not_come_about_is_the_service_s_fault(
    once: PaperGateway, failure: Exception | Never, status: int, code: str
) -> None:
    once.loop.answers.append(failure)
    client = once.client()
    client.feed(GET)
    once.wait(ROUTE.connect + LOOK)
    assert (statuses(client.sent), once.codes) == ([status], [code])


@pytest.mark.parametrize(
    ("failure", "failed"), [(REFUSED, 1), (RuntimeError("of ours"), 0), (FAILURES[4][0], 0)]
)
def test_a_fault_of_ours_counts_against_no_endpoint(
    once: PaperGateway, failure: Exception, failed: int
) -> None:
    once.loop.answers.append(failure)
    once.client().feed(GET)
    once.loop.run_ready()
    assert once.pool.record.failed == failed
    once.reported.clear()  # as a bug is, once it has been told


@pytest.mark.parametrize("failure", [failure for failure, _, _ in FAILURES])
def test_a_connection_that_does_not_come_about_leaves_no_place_taken(
    once: PaperGateway, failure: Exception | Never
) -> None:
    once.loop.answers.append(failure)
    once.client().feed(GET)
    once.wait(IDLE + 1.0)
    assert (once.pool.open, once.pool.in_flight) == (0, 0)


def test_a_connection_that_does_not_come_about_is_tried_again(gateway: PaperGateway) -> None:
    gateway.loop.answers.extend([REFUSED, REFUSED])
    client, service = gateway.asking()
    service.feed(OK)
    assert (statuses(client.sent), gateway.finished[0].tries) == ([200], 3)


def test_no_name_of_a_machine_is_told_to_the_client(once: PaperGateway) -> None:
    once.loop.answers.append(REFUSED)
    once.client().feed(GET)
    once.loop.run_ready()
    assert str(once.finished[0].error) == "`players` refuses connections."


def test_a_client_that_has_gone_does_not_hear_of_a_failure(once: PaperGateway) -> None:
    once.loop.answers.append(REFUSED)
    client = once.client()
    client.feed(GET)
    client.lose()
    once.loop.run_ready()
    assert (len(once.finished), once.codes) == (1, [])


def test_a_connection_has_no_more_time_than_its_exchange(build: Open) -> None:
    gateway = build(timeouts=Timeouts(connect=50.0, total=1.0), tries=1)
    gateway.loop.answers.append(Never())
    client = gateway.client()
    client.feed(GET)
    gateway.wait(1.0 + LOOK)
    assert statuses(client.sent) == [504]


def test_a_service_is_asked_at_its_address(gateway: PaperGateway) -> None:
    gateway.asking()
    assert gateway.loop.asked == [("127.0.0.1", 9001)]


def test_a_service_on_a_unix_socket_is_asked_there(build: Open) -> None:
    gateway = build(endpoint=Endpoint(host="", port=0, unix="/run/players"))
    client, service = gateway.asking()
    service.feed(OK)
    assert (gateway.loop.asked, statuses(client.sent)) == ([("/run/players",)], [200])


def test_it_says_where_it_leads_and_what_it_does(gateway: PaperGateway) -> None:
    _, service = gateway.asking()
    assert repr(service.protocol) == "<upstream 127.0.0.1:9001 HEAD>"
