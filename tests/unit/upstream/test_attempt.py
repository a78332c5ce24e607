"""The attempt loop, with services that do what the test says (helpers/fake_connection.py)."""

from collections.abc import Callable, Sequence
from typing import TypedDict, Unpack

import msgspec
import pytest

from tests.helpers.breaking import reconfigured
from tests.helpers.builders import (
    Bound,
    a_head,
    a_peer,
    a_plan,
    a_route,
    an_endpoint,
    an_exchange,
    from_upstream,
)
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_connection import FakeConnection, FakeConnector
from tests.helpers.fake_origin import FakeOrigin
from tests.helpers.steps import Gate, Work, turn
from tta_gateway.kernel.errors import UpstreamFault
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import CHUNKED, Fields, Response
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.problem import (
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_GARBAGE,
    UPSTREAM_INCOMPLETE,
    UPSTREAM_RESET,
    UPSTREAM_TOTAL_TIMEOUT,
    UPSTREAM_UNAVAILABLE,
    Problem,
)
from tta_gateway.kernel.route import Balance, Endpoint, EndpointLimits, Rewrite, Service, Timeouts
from tta_gateway.kernel.standing import Stand, Standing
from tta_gateway.kernel.upload import Upload
from tta_gateway.pipeline.run import Runner
from tta_gateway.upstream.attempt import Attempt, EndpointPool, Upstream
from tta_gateway.upstream.forward import Forwarder

ONE = (an_endpoint(9001),)
TWO = (an_endpoint(9001), an_endpoint(9002))
Change = Callable[[Exchange], None]


class Asked(TypedDict, total=False):
    """What a test may say about a request."""

    target: str
    host: str
    fields: Fields
    forwarding: Fields
    body: bytes
    peer: Peer
    change: Change


def _unchanged(_: Exchange) -> None:
    """Leave the exchange as it is."""


def sets(name: str, value: object) -> Change:
    """Return what sets an attribute of an exchange before it begins."""
    return lambda exchange: setattr(exchange, name, value)


def sets_head(name: str, value: object) -> Change:
    """Return what sets an attribute of its request."""
    return lambda exchange: setattr(exchange.request, name, value)


class Rig:
    """A worker's way upstream: one service, one route, and nothing that waits by itself."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint] = ONE,
        *,
        policies: Sequence[Bound] = (),
        limits: EndpointLimits | None = None,
        balance: Balance = "round_robin",
        host: str = "",
        **route: object,
    ) -> None:
        self.route = msgspec.structs.replace(a_route(), **route)
        self.name = self.route.service
        self.clock = FakeClock()
        self.works: list[Work] = []
        self.reported: list[BaseException] = []
        self.runner = Runner(self.works.append, lambda _, error: self.reported.append(error))
        self.connector = FakeConnector()
        service = Service(
            name=self.name,
            endpoints=tuple(endpoints),
            balance=balance,
            host=host,
            limits=limits or EndpointLimits(),
        )
        self.forwarder = Forwarder(
            {self.name: service},
            connector=self.connector,
            runner=self.runner,
            chance=lambda: 0.0,
            clock=self.clock.monotonic,
        )
        self.plan = a_plan(policies, route=self.route, forward=self.forwarder.forward)

    @property
    def upstream(self) -> Upstream:
        return self.forwarder.upstreams[self.name]

    @property
    def pool(self) -> EndpointPool:
        return self.upstream.pools[0]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Return what must be zero when nothing is under way: of all pools, and of the service.

        In flight, waiting, connections that nobody holds (beside idle ones), active and retrying.
        """
        pools = self.upstream.pools
        held = [one for one in self.connector.made if not one.gone and one not in _idle(pools)]
        return (
            sum(pool.in_flight for pool in pools),
            sum(pool.open - len(pool.idle) for pool in pools)
            - len(held)
            - len(self.connector.opening),
            self.upstream.active,
            self.upstream.retrying,
        )

    def ask(self, method: str = "GET", **asked: Unpack[Asked]) -> FakeOrigin:
        """Let a client ask; a body is whole, and as long as it says."""
        body = asked.get("body")
        origin = FakeOrigin(self.runner)
        request = a_head(
            method,
            asked.get("target", "/a"),
            host=asked.get("host", "example.org"),
            fields=asked.get("fields"),
            forwarding=asked.get("forwarding"),
            length=len(body or b""),
        )
        exchange = origin.exchange = an_exchange(
            request,
            origin=origin,
            plan=self.plan,
            peer=asked.get("peer"),
            started=self.clock.monotonic(),
        )
        if body is not None:
            exchange.upload = self.upload(origin)
            exchange.upload.feed(body)
            exchange.upload.end()
        asked.get("change", _unchanged)(exchange)
        self.runner.begin(exchange)
        return origin

    def upload(self, origin: FakeOrigin) -> Upload:
        return Upload(origin, limit=self.route.max_body, keep=self.route.replay_body)

    def uploading(self, method: str = "PUT") -> FakeOrigin:
        """Let a client ask whose body has not come yet."""

        def change(exchange: Exchange) -> None:
            exchange.request.length = CHUNKED
            exchange.upload = self.upload(origin_of(exchange))

        return self.ask(method, change=change)

    def asked(
        self, method: str = "GET", **asked: Unpack[Asked]
    ) -> tuple[FakeOrigin, FakeConnection]:
        """Let a client ask, and the connection for it come about."""
        origin = self.ask(method, **asked)
        return origin, self.connector.succeed()

    def idle(self) -> FakeConnection:
        """Return a connection that has served a request, and is kept."""
        _, connection = self.asked()
        connection.answer()
        assert connection in self.pool.idle
        return connection

    def turn(self) -> None:
        """Let every work that is under way go one step on, and what was closed end."""
        turn(self.works)
        self.connector.turn()


def _idle(pools: Sequence[EndpointPool]) -> list[object]:
    return [connection for pool in pools for connection in pool.idle]


def origin_of(exchange: Exchange) -> FakeOrigin:
    assert isinstance(exchange.origin, FakeOrigin)
    return exchange.origin


def exchange_of(origin: FakeOrigin) -> Exchange:
    assert origin.exchange is not None
    return origin.exchange


def attempt_of(origin: FakeOrigin) -> Attempt:
    attempt = exchange_of(origin).attempt
    assert isinstance(attempt, Attempt)
    return attempt


def upload_of(origin: FakeOrigin) -> Upload:
    upload = exchange_of(origin).upload
    assert upload is not None
    return upload


NOTHING = (0, 0, 0, 0)


# --- getting a connection ------------------------------------------------------------------------


def test_a_request_gets_its_answer() -> None:
    origin, connection = Rig().asked()
    connection.answer(200, body=b"hello")
    assert origin.said == ["200", b"hello", "end"]


def test_the_first_request_opens_a_connection() -> None:
    rig = Rig(timeouts=Timeouts(connect=1.5))
    rig.ask()
    assert rig.connector.timeouts == [1.5]


def test_a_connection_gets_no_longer_than_the_exchange_has_left() -> None:
    rig = Rig(timeouts=Timeouts(connect=5.0, total=60.0))
    rig.ask(change=sets("started", rig.clock.monotonic() - 58.0))
    assert rig.connector.timeouts == [2.0]


def test_a_connection_that_was_put_back_is_used_again() -> None:
    rig = Rig()
    connection = rig.idle()
    rig.ask()
    assert (len(connection.lines), rig.connector.opening) == (2, [])


def test_the_last_connection_put_back_is_the_first_used_again() -> None:
    rig = Rig()
    (_, one), (_, other) = rig.asked(), rig.asked()
    one.answer()
    other.answer()
    rig.ask()
    assert (len(one.lines), len(other.lines)) == (1, 2)


def test_a_connection_that_cannot_be_reused_is_closed() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    connection.begin_answer()
    connection.end_answer(reusable=False)
    assert (connection.closed, origin.said[-1], rig.pool.idle) == (True, "end", [])


FULL = EndpointLimits(connections=1, pending=1, in_flight=9)


def test_a_request_waits_when_every_connection_is_in_use() -> None:
    rig = Rig(limits=FULL)
    rig.asked()
    waiting = rig.ask()
    assert (len(rig.pool.waiting), rig.connector.opening, waiting.said) == (1, [], [])


def test_who_waits_gets_the_connection_that_is_put_back() -> None:
    rig = Rig(limits=FULL)
    _, connection = rig.asked()
    waiting = rig.ask()
    connection.answer()
    connection.answer(201)
    assert waiting.status == 201


def test_who_has_waited_longest_is_served_first() -> None:
    rig = Rig(limits=EndpointLimits(connections=1))
    _, connection = rig.asked()
    first, second = rig.ask(), rig.ask()
    connection.answer()
    connection.answer()
    assert (first.status, second.status) == (200, None)


def test_who_waits_gets_a_connection_when_another_is_gone() -> None:
    rig = Rig(limits=FULL)
    _, connection = rig.asked()
    rig.ask()
    connection.begin_answer()
    connection.end_answer(reusable=False)
    rig.turn()
    assert len(rig.connector.opening) == 1


def test_who_waits_gets_a_connection_when_another_fails_to_come_about() -> None:
    rig = Rig(limits=FULL, tries=1)
    rig.ask()
    rig.ask()
    rig.connector.fail()
    assert len(rig.connector.opening) == 1


def test_a_request_is_refused_when_as_many_wait_as_may() -> None:
    rig = Rig(limits=FULL)
    rig.asked()
    rig.ask()
    refused = rig.ask()
    assert (refused.status, refused.code) == (503, "upstream_limit_reached")


def test_a_refused_request_leaves_no_trace_in_the_counts() -> None:
    rig = Rig(limits=FULL)
    rig.asked()
    rig.ask()
    before = rig.pool.in_flight, rig.upstream.active
    rig.ask()
    assert (rig.pool.in_flight, rig.upstream.active) == before


def test_as_many_requests_as_may_are_in_flight_at_once() -> None:
    rig = Rig(limits=EndpointLimits(connections=9, in_flight=2))
    assert [rig.ask().status for _ in range(3)] == [None, None, 503]


def test_a_connection_that_was_put_back_does_not_raise_the_limit() -> None:
    rig = Rig(limits=EndpointLimits(connections=9, in_flight=1))
    gone = rig.ask()
    gone.leave()
    rig.ask()
    rig.connector.succeed()
    assert rig.ask().status == 503


def test_a_service_without_endpoints_is_unavailable() -> None:
    rig = Rig(())
    origin = rig.ask()
    assert (origin.code, rig.upstream.active) == ("upstream_unavailable", 0)


def test_requests_are_shared_out_over_the_endpoints() -> None:
    rig = Rig(TWO)
    rig.ask()
    rig.ask()
    assert [one.pool.name for one in rig.connector.opening] == ["127.0.0.1:9001", "127.0.0.1:9002"]


def test_the_exchange_says_which_endpoint_was_asked() -> None:
    assert exchange_of(Rig().ask()).endpoint == "127.0.0.1:9001"


# --- waiting too long ----------------------------------------------------------------------------


def test_who_waits_for_a_connection_waits_no_longer_than_the_exchange_may() -> None:
    rig = Rig(limits=FULL, timeouts=Timeouts(total=5.0))
    rig.asked()
    waiting = rig.ask()
    rig.clock.advance(5.0)
    rig.forwarder.expire(rig.clock.monotonic())
    assert (waiting.status, waiting.code) == (504, "upstream_total_timeout")


def test_what_was_said_to_who_waited_too_long_is_let_go() -> None:
    rig = Rig(limits=FULL, timeouts=Timeouts(total=5.0))
    rig.asked()
    waiting = rig.ask()
    rig.clock.advance(5.0)
    rig.forwarder.expire(rig.clock.monotonic())
    assert waiting.flushes == 1


def test_who_waited_too_long_is_in_the_queue_no_longer() -> None:
    rig = Rig(limits=FULL, timeouts=Timeouts(total=5.0))
    _, connection = rig.asked()
    rig.ask()
    rig.clock.advance(5.0)
    rig.forwarder.expire(rig.clock.monotonic())
    connection.answer()
    assert (rig.counts, rig.pool.idle) == (NOTHING, [connection])


def test_who_has_time_left_goes_on_waiting() -> None:
    rig = Rig(limits=FULL, timeouts=Timeouts(total=5.0))
    rig.asked()
    waiting = rig.ask()
    rig.clock.advance(4.9)
    rig.forwarder.expire(rig.clock.monotonic())
    assert (waiting.status, len(rig.pool.waiting)) == (None, 1)


def test_who_gets_its_turn_too_late_is_told_so() -> None:
    rig = Rig(limits=FULL, timeouts=Timeouts(total=5.0))
    _, connection = rig.asked()
    waiting = rig.ask()
    rig.clock.advance(5.0)
    connection.lose()
    assert waiting.code == "upstream_total_timeout"


def test_who_gets_its_turn_too_late_does_not_keep_the_next_from_it() -> None:
    rig = Rig(limits=EndpointLimits(connections=1), timeouts=Timeouts(total=5.0))
    _, connection = rig.asked()
    rig.ask()
    rig.clock.advance(5.0)
    rig.ask()
    connection.lose()
    assert len(rig.connector.opening) == 1


# --- what the service is sent --------------------------------------------------------------------


def test_the_service_is_sent_the_request_line() -> None:
    assert Rig().asked("GET", target="/a?b=c")[1].lines == [b"GET /a?b=c"]


def test_the_service_is_sent_the_path_that_stands_in_place_of_the_client_s() -> None:
    change = sets("upstream_path", b"/v1/a")
    assert Rig().asked("GET", change=change)[1].lines == [b"GET /v1/a"]


def test_another_path_keeps_the_query() -> None:
    change = sets("upstream_path", b"/v1/a")
    assert Rig().asked("GET", target="/a?b=c", change=change)[1].lines == [b"GET /v1/a?b=c"]


def test_the_service_is_sent_the_method_that_stands_in_place_of_the_client_s() -> None:
    assert Rig(rewrite=Rewrite(method="POST")).asked()[1].lines == [b"POST /a"]


def test_the_service_is_sent_the_client_s_fields() -> None:
    _, connection = Rig().asked(fields=[(b"accept", b"text/html")])
    assert b"\r\naccept: text/html\r\n" in connection.fields[0]


def test_the_service_is_sent_the_fields_that_stand_in_place_of_the_client_s() -> None:
    def change(exchange: Exchange) -> None:
        exchange.upstream_fields = [(b"accept", b"text/plain")]

    _, connection = Rig().asked(fields=[(b"accept", b"text/html")], change=change)
    assert b"accept: text/plain" in connection.fields[0]
    assert b"text/html" not in connection.fields[0]


def test_the_service_is_sent_what_policies_add() -> None:
    def change(exchange: Exchange) -> None:
        exchange.extra.append((b"x-request-id", b"7"))

    assert b"\r\nx-request-id: 7\r\n" in Rig().asked(change=change)[1].fields[0]


def test_the_service_is_told_the_way_here() -> None:
    assert b"\r\nx-forwarded-for: 192.0.2.7\r\n" in Rig().asked()[1].fields[0]


def test_the_host_stands_first() -> None:
    assert Rig().asked(host="public.example")[1].fields[0].startswith(b"host: public.example\r\n")


def test_a_service_may_have_a_host_of_its_own() -> None:
    _, connection = Rig(host="inner.example").asked(host="public.example")
    assert connection.fields[0].startswith(b"host: inner.example\r\n")


def test_a_service_with_a_host_of_its_own_is_told_the_public_one() -> None:
    _, connection = Rig(host="inner.example").asked(host="public.example")
    assert b"\r\nx-forwarded-host: public.example\r\n" in connection.fields[0]


def test_a_client_that_names_no_host_asks_for_the_endpoint() -> None:
    assert Rig().asked(host="")[1].fields[0].startswith(b"host: 127.0.0.1:9001\r\n")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "QUERY"])
def test_a_request_without_a_body_is_framed_by_saying_nothing(method: str) -> None:
    assert Rig().asked(method)[1].framing == [b""]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_request_that_usually_has_a_body_says_when_it_has_none(method: str) -> None:
    assert Rig().asked(method)[1].framing == [b"content-length: 0\r\n"]


def test_a_request_that_becomes_one_that_usually_has_a_body_says_that_it_has_none() -> None:
    assert Rig(rewrite=Rewrite(method="POST")).asked()[1].framing == [b"content-length: 0\r\n"]


def test_a_body_s_length_is_stated() -> None:
    assert Rig().asked("POST", body=b"four")[1].framing == [b"content-length: 4\r\n"]


def test_a_body_of_unknown_length_is_sent_in_chunks() -> None:
    rig = Rig()
    rig.uploading("POST")
    assert rig.connector.succeed().framing == [b"transfer-encoding: chunked\r\n"]


def test_a_client_that_waits_for_a_word_before_its_body_makes_the_service_give_it() -> None:
    change = sets_head("expects_continue", True)
    _, connection = Rig().asked("POST", body=b"four", change=change)
    assert connection.framing == [b"content-length: 4\r\nexpect: 100-continue\r\n"]


@pytest.mark.parametrize("host", ["transfer-encoding:", "content-length:4"])
def test_no_host_is_taken_for_the_framing(host: str) -> None:
    assert Rig().asked("POST", body=b"four", host=host)[1].framing == [b"content-length: 4\r\n"]


def test_no_field_is_taken_for_the_framing() -> None:
    def change(exchange: Exchange) -> None:
        exchange.extra.append((b"x-request-id", b"transfer-encoding:"))

    said: Fields = [(b"x-forwarded-for", b"transfer-encoding: chunked")]
    _, connection = Rig().asked(
        "POST",
        body=b"four",
        change=change,
        forwarding=said,
        fields=[(b"a", b"transfer-encoding: chunked")],
        peer=a_peer(trusted=True),
    )
    assert connection.framing == [b"content-length: 4\r\n"]


def test_a_body_is_sent_whole_with_its_end() -> None:
    _, connection = Rig().asked("POST", body=b"four")
    assert (connection.body, connection.body_ended) == (b"four", True)


def test_a_body_is_sent_as_it_comes() -> None:
    rig = Rig()
    origin = rig.uploading()
    connection = rig.connector.succeed()
    upload_of(origin).feed(b"one")
    assert (connection.body, connection.body_ended) == (b"one", False)


def test_a_client_waits_for_a_service_that_cannot_keep_up() -> None:
    rig = Rig()
    origin = rig.uploading()
    connection = rig.connector.succeed()
    connection.full = True
    upload_of(origin).feed(b"one")
    assert not origin.uploading


def test_a_client_goes_on_when_the_service_keeps_up_again() -> None:
    rig = Rig()
    origin = rig.uploading()
    rig.connector.succeed()
    attempt_of(origin).pause_upload()
    attempt_of(origin).resume_upload()
    assert origin.uploading


def test_a_request_without_a_body_never_makes_its_client_wait() -> None:
    origin, _ = Rig().asked()
    attempt_of(origin).pause_upload()
    attempt_of(origin).resume_upload()
    assert origin.uploading


# --- answers -------------------------------------------------------------------------------------


def test_an_answer_is_passed_on_as_it_comes() -> None:
    origin, connection = Rig().asked()
    connection.begin_answer(200)
    connection.send(b"one")
    assert origin.said == ["200", b"one"]


def test_an_answer_s_bytes_are_counted() -> None:
    origin, connection = Rig().asked()
    connection.answer(body=b"four")
    assert exchange_of(origin).sent == 4


def test_trailers_are_passed_on() -> None:
    origin, connection = Rig().asked()
    connection.begin_answer()
    connection.end_answer([(b"checksum", b"1")])
    assert origin.trailers == [(b"checksum", b"1")]


def test_the_first_byte_is_timed() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    rig.clock.advance(0.25)
    connection.begin_answer()
    assert exchange_of(origin).first_byte_at == rig.clock.monotonic()


def test_what_came_is_let_go_when_the_connection_says_so() -> None:
    origin, _ = Rig().asked()
    attempt_of(origin).flush()
    assert origin.flushes == 1


def test_nothing_is_under_way_behind_an_answer() -> None:
    rig = Rig()
    rig.asked()[1].answer()
    assert rig.counts == NOTHING


def test_a_client_that_cannot_keep_up_stops_the_answer() -> None:
    origin, connection = Rig().asked()
    connection.begin_answer()
    attempt_of(origin).pause_answer()
    assert not connection.reading


def test_a_client_that_keeps_up_again_lets_the_answer_go_on() -> None:
    origin, connection = Rig().asked()
    connection.begin_answer()
    attempt_of(origin).pause_answer()
    attempt_of(origin).resume_answer()
    assert connection.reading


def test_a_request_that_has_no_connection_yet_has_no_answer_to_stop() -> None:
    rig = Rig()
    origin = rig.ask()
    attempt_of(origin).pause_answer()
    attempt_of(origin).resume_answer()
    assert rig.connector.succeed().reading


def test_a_redirect_of_the_service_to_itself_is_told_in_public_terms() -> None:
    origin, connection = Rig().asked(host="public.example")
    connection.answer(302, [(b"location", b"http://127.0.0.1:9001/login"), (b"a", b"1")])
    assert origin.head is not None
    assert origin.head.fields == [(b"location", b"http://public.example/login"), (b"a", b"1")]


def test_a_redirect_behind_a_trusted_proxy_names_what_the_client_asked_it_for() -> None:
    said = [(b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"outer.example")]
    origin, connection = Rig(host="inner.example").asked(forwarding=said, peer=a_peer(trusted=True))
    connection.answer(302, [(b"location", b"http://inner.example/login")])
    assert origin.head is not None
    assert origin.head.get(b"location") == b"https://outer.example/login"


def test_a_redirect_gets_the_prefix_back_that_the_route_strips() -> None:
    origin, connection = Rig(rewrite=Rewrite(strip_prefix="/api")).asked()
    connection.answer(201, [(b"location", b"/players/7")])
    assert origin.head is not None
    assert origin.head.get(b"location") == b"/api/players/7"


def test_a_location_means_nothing_where_the_status_gives_it_no_meaning() -> None:
    origin, connection = Rig().asked()
    connection.answer(200, [(b"location", b"http://127.0.0.1:9001/a")])
    assert origin.head is not None
    assert origin.head.get(b"location") == b"http://127.0.0.1:9001/a"


def test_an_interim_answer_is_passed_on() -> None:
    origin, connection = Rig().asked()
    connection.begin_answer(103)
    connection.answer(200)
    assert origin.said == ["103", "200", b"ok", "end"]


def test_an_answer_that_comes_in_one_piece_is_passed_on() -> None:
    origin, connection = Rig().asked()
    connection.answer_whole(201, [(b"a", b"1")], b"hello")
    assert origin.said == ["201", b"hello", "end"]


def test_a_connection_whose_answer_came_in_one_piece_serves_who_waits() -> None:
    rig = Rig(limits=FULL)
    _, connection = rig.asked()
    waiting = rig.ask()
    connection.answer_whole()
    connection.answer_whole(201)
    assert (waiting.status, rig.counts, rig.pool.idle) == (201, NOTHING, [connection])


def test_a_connection_whose_answer_came_in_one_piece_may_be_of_no_more_use() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    connection.answer_whole(reusable=False)
    assert (origin.status, connection.closed, rig.counts) == (200, True, NOTHING)


def test_a_connection_whose_whole_answer_came_before_the_body_s_end_is_not_used_again() -> None:
    rig = Rig()
    origin = rig.uploading("POST")
    connection = rig.connector.succeed()
    upload_of(origin).feed(b"half")
    connection.answer_whole(413)
    assert (origin.status, connection.closed, rig.pool.idle) == (413, True, [])


def test_a_connection_whose_whole_answer_came_behind_the_body_s_end_is_used_again() -> None:
    rig = Rig()
    _, connection = rig.asked("POST", body=b"four")
    connection.answer_whole()
    assert rig.pool.idle == [connection]


def test_the_first_byte_of_an_answer_in_one_piece_is_timed() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    rig.clock.advance(0.25)
    connection.answer_whole()
    assert exchange_of(origin).first_byte_at == rig.clock.monotonic()


def test_a_redirect_in_one_piece_is_told_in_public_terms() -> None:
    origin, connection = Rig().asked(host="public.example")
    connection.answer_whole(302, [(b"location", b"http://127.0.0.1:9001/login")])
    assert origin.head is not None
    assert origin.head.get(b"location") == b"http://public.example/login"


def test_an_answer_in_one_piece_that_nobody_wants_any_more_harms_nobody() -> None:
    rig = Rig()
    origin, _ = rig.asked()
    attempt = attempt_of(origin)
    attempt.cancel()
    attempt.answered_whole(from_upstream(), b"late", reusable=True)
    assert (origin.said, rig.counts) == ([], NOTHING)


def test_a_connection_is_not_used_again_behind_an_error_that_nobody_caught() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    connection.answer(500)
    assert (origin.status, connection.closed, rig.pool.idle) == (500, True, [])


def test_a_connection_is_not_used_again_behind_an_error_that_came_in_one_piece() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    connection.answer_whole(500)
    assert (origin.status, connection.closed, rig.pool.idle) == (500, True, [])


# --- when connections fail -----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_fails_makes_any_request_try_elsewhere(method: str) -> None:
    rig = Rig(TWO)
    rig.ask(method)
    rig.connector.fail()
    assert [one.pool.name for one in rig.connector.opening] == ["127.0.0.1:9002"]


def test_a_body_that_waited_is_sent_to_the_endpoint_that_answers_at_last() -> None:
    rig = Rig(TWO, replay_body=1)
    rig.ask("POST", body=b"longer than what is kept")
    rig.connector.fail()
    assert rig.connector.succeed().body == b"longer than what is kept"


def test_a_request_is_tried_as_often_as_the_route_says() -> None:
    rig = Rig(TWO, tries=3)
    origin = rig.ask()
    for _ in range(3):
        rig.connector.fail()
    assert (origin.said, exchange_of(origin).tries) == (["502", "end"], 3)


def test_a_request_whose_every_try_failed_says_why_the_last_did() -> None:
    rig = Rig(tries=1)
    origin = rig.ask()
    rig.connector.fail(UPSTREAM_CONNECT_TIMEOUT)
    assert (origin.code, exchange_of(origin).error is not None) == (
        "upstream_connect_timeout",
        True,
    )


def test_the_gateway_s_own_service_is_not_there_when_every_try_failed() -> None:
    rig = Rig(service=OWN, tries=2)
    origin = rig.ask()
    rig.connector.fail()
    assert origin.said == []  # it is tried again first
    rig.connector.fail(UPSTREAM_CONNECT_TIMEOUT)
    assert (origin.status, origin.code) == (503, "gateway_service_unavailable")
    assert (rig.counts, exchange_of(origin).tries) == (NOTHING, 2)


def test_what_reached_the_gateway_s_own_service_and_may_not_be_repeated_keeps_its_fault() -> None:
    rig = Rig(service=OWN)
    origin, connection = rig.asked("POST", body=b"a")
    connection.fault(UPSTREAM_FIRST_BYTE_TIMEOUT)
    assert (origin.status, origin.code) == (504, "upstream_first_byte_timeout")


def test_nothing_is_under_way_behind_a_request_whose_every_try_failed() -> None:
    rig = Rig(TWO, tries=3)
    rig.ask()
    for _ in range(3):
        rig.connector.fail()
    assert (rig.counts, [pool.open for pool in rig.upstream.pools]) == (NOTHING, [0, 0])


def test_an_answer_to_a_fault_is_let_go() -> None:
    rig = Rig(tries=1)
    origin = rig.ask()
    rig.connector.fail()
    assert origin.flushes == 1


def test_the_only_endpoint_is_tried_again() -> None:
    rig = Rig(ONE)
    rig.ask()
    rig.connector.fail()
    assert [one.pool.name for one in rig.connector.opening] == ["127.0.0.1:9001"]


# --- when the service fails ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "QUERY"])
def test_an_idempotent_request_that_was_reset_is_tried_elsewhere(method: str) -> None:
    rig = Rig(TWO)
    _, connection = rig.asked(method)
    connection.lose()
    assert [one.pool.name for one in rig.connector.opening] == ["127.0.0.1:9002"]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_request_that_may_have_been_carried_out_is_not_tried_again(method: str) -> None:
    rig = Rig(TWO)
    origin, connection = rig.asked(method)
    connection.lose()
    assert (origin.code, rig.connector.opening) == ("upstream_connection_terminated", [])


def test_what_counts_is_the_method_that_the_service_was_sent() -> None:
    rig = Rig(TWO, rewrite=Rewrite(method="POST"))
    origin, connection = rig.asked("GET")
    connection.lose()
    assert (origin.code, rig.connector.opening) == ("upstream_connection_terminated", [])


def test_a_body_that_is_whole_and_kept_is_sent_again() -> None:
    rig = Rig(TWO)
    _, connection = rig.asked("PUT", body=b"four")
    connection.lose()
    again = rig.connector.succeed()
    assert (again.body, again.body_ended) == (b"four", True)


def test_a_body_that_was_too_large_to_keep_is_not_sent_again() -> None:
    rig = Rig(TWO, replay_body=3)
    origin, connection = rig.asked("PUT", body=b"four")
    connection.lose()
    assert (origin.status, rig.connector.opening) == (502, [])


def test_a_body_of_which_a_part_is_still_to_come_is_not_sent_again() -> None:
    rig = Rig(TWO)
    origin = rig.uploading("PUT")
    connection = rig.connector.succeed()
    upload_of(origin).feed(b"half")
    connection.lose()
    assert (origin.status, rig.connector.opening) == (502, [])


def test_nothing_more_of_a_body_is_sent_to_a_connection_that_was_lost() -> None:
    rig = Rig(tries=1)
    origin = rig.uploading("PUT")
    connection = rig.connector.succeed()
    upload = upload_of(origin)
    connection.lose()
    upload.feed(b"late")
    assert connection.body == b""


def test_an_answer_that_is_late_is_tried_elsewhere() -> None:
    rig = Rig(TWO)
    _, connection = rig.asked()
    connection.fault(UPSTREAM_FIRST_BYTE_TIMEOUT)
    assert (connection.closed, len(rig.connector.opening)) == (True, 1)


@pytest.mark.parametrize("problem", [UPSTREAM_GARBAGE, UPSTREAM_INCOMPLETE])
def test_an_answer_of_which_something_has_come_is_not_asked_for_again(problem: Problem) -> None:
    rig = Rig(TWO)
    origin, connection = rig.asked()
    connection.fault(problem)
    assert (origin.code, rig.connector.opening) == (problem.code, [])


def test_a_request_that_got_an_interim_answer_is_not_tried_again() -> None:
    rig = Rig(TWO)
    origin, connection = rig.asked()
    connection.begin_answer(103)
    connection.lose()
    assert (origin.said, rig.connector.opening) == (["103", "502", "end"], [])


def test_a_request_whose_time_is_over_is_told_so() -> None:
    rig = Rig(TWO, timeouts=Timeouts(total=5.0))
    origin, connection = rig.asked()
    rig.clock.advance(5.0)
    connection.fault(UPSTREAM_TOTAL_TIMEOUT)
    assert (origin.status, origin.code) == (504, "upstream_total_timeout")


def test_a_request_whose_time_is_over_is_not_tried_again() -> None:
    rig = Rig(TWO, timeouts=Timeouts(total=5.0))
    origin, connection = rig.asked()
    rig.clock.advance(5.0)
    connection.lose()
    assert (origin.status, rig.connector.opening) == (502, [])


def test_an_answer_that_was_begun_is_broken_off() -> None:
    rig = Rig(TWO)
    origin, connection = rig.asked()
    connection.begin_answer()
    connection.send(b"half")
    connection.lose()
    assert (origin.said, rig.connector.opening) == (["200", b"half", "abort"], [])


def test_the_exchange_keeps_why_its_answer_was_broken_off() -> None:
    origin, connection = Rig().asked()
    connection.begin_answer()
    connection.lose()
    error = exchange_of(origin).error
    assert error is not None
    assert error.problem is UPSTREAM_RESET


def test_nothing_is_under_way_behind_an_answer_that_was_broken_off() -> None:
    rig = Rig()
    _, connection = rig.asked()
    connection.begin_answer()
    connection.lose()
    assert rig.counts == NOTHING


def test_retries_are_no_more_than_their_budget() -> None:
    rig = Rig(TWO, tries=3)
    origins = [rig.ask() for _ in range(5)]
    for connection in [rig.connector.succeed() for _ in range(5)]:
        connection.lose()
    assert [origin.status for origin in origins] == [None, None, None, 502, 502]


def test_the_only_endpoint_is_asked_again_within_the_budget_alone() -> None:
    rig = Rig(tries=3)
    origins = [rig.ask() for _ in range(5)]
    for _ in range(5):
        rig.connector.fail()
    assert [origin.status for origin in origins] == [None, None, None, 502, 502]


def test_what_has_not_arrived_is_sent_to_another_endpoint_whatever_the_budget() -> None:
    rig = Rig(TWO, tries=3)
    origins = [rig.ask("POST") for _ in range(9)]
    for _ in range(9):
        rig.connector.fail()
    while rig.connector.opening:
        rig.connector.succeed().answer()
    assert [origin.status for origin in origins] == [200] * 9
    assert rig.counts == NOTHING


def test_where_the_only_one_that_may_be_asked_is_dead_one_that_is_ejected_answers() -> None:
    rig = Rig(TWO, tries=3)
    alive = rig.upstream.pools[1]
    alive.ejected = True
    rig.upstream.open = rig.upstream.pools[:1]
    origins = [rig.ask("POST") for _ in range(9)]
    for _ in range(9):
        rig.connector.fail()
    while rig.connector.opening:
        rig.connector.succeed().answer()
    assert [origin.status for origin in origins] == [200] * 9
    assert {exchange_of(origin).endpoint for origin in origins} == {alive.name}


def test_good_answers_of_late_allow_further_tries_when_an_endpoint_dies() -> None:
    rig = Rig(TWO, tries=3)
    for _ in range(25):
        rig.asked()[1].answer_whole(reusable=False)
    origins = [rig.ask() for _ in range(10)]
    for connection in [rig.connector.succeed() for _ in range(10)]:
        connection.lose()
    statuses = [origin.status for origin in origins]
    assert statuses == [None] * 8 + [502] * 2  # three under way, and a fifth of 25


def test_a_retry_that_has_ended_makes_room_for_another() -> None:
    rig = Rig(TWO, tries=2)
    for _ in range(4):
        rig.ask()
        rig.connector.fail()
        connection = rig.connector.succeed()
        connection.begin_answer()
        connection.end_answer(reusable=False)
    assert rig.counts == NOTHING


# --- idle connections that have died -------------------------------------------------------------


def test_a_connection_that_died_while_idle_costs_no_try() -> None:
    rig = Rig(tries=1)
    dead = rig.idle()
    origin = rig.ask()
    dead.lose()
    rig.connector.succeed().answer(204, body=b"")
    assert (origin.status, exchange_of(origin).tries) == (204, 1)


def test_a_connection_that_died_while_idle_is_replaced_at_the_same_endpoint() -> None:
    rig = Rig(TWO, tries=1)
    dead = rig.idle()
    rig.upstream.balancer.choose(rig.upstream.pools, never)
    rig.ask()
    dead.lose()
    assert [one.pool.name for one in rig.connector.opening] == ["127.0.0.1:9001"]


def never() -> float:
    raise AssertionError("nothing is left to chance here")


def test_a_connection_that_died_while_idle_is_replaced_by_a_fresh_one() -> None:
    rig = Rig(tries=1)
    (_, one), (_, dead) = rig.asked(), rig.asked()
    one.answer()
    dead.answer()
    rig.ask()
    dead.lose()
    assert (len(one.lines), len(rig.connector.opening)) == (1, 1)


def test_a_small_body_that_died_with_an_idle_connection_is_sent_again_unseen() -> None:
    rig = Rig(tries=1)
    dead = rig.idle()
    body = b"x" * 65536
    rig.ask("PUT", body=body)
    dead.lose()
    again = rig.connector.succeed()
    assert (dead.body, again.body, again.body_ended) == (body, body, True)


def test_a_body_that_is_still_coming_is_sent_again_unseen_with_what_comes_later() -> None:
    rig = Rig(tries=1)
    dead = rig.idle()
    origin = rig.uploading("PUT")
    upload_of(origin).feed(b"one ")
    dead.lose()
    upload_of(origin).feed(b"two ")
    again = rig.connector.succeed()
    upload_of(origin).feed(b"three")
    upload_of(origin).end()
    assert (dead.body, again.body, again.body_ended) == (b"one ", b"one two three", True)


def test_a_large_body_that_died_with_an_idle_connection_is_not_sent_again() -> None:
    rig = Rig(replay_body=3)
    dead = rig.idle()
    origin = rig.ask("PUT", body=b"four")
    dead.lose()
    assert (origin.code, rig.connector.opening) == ("upstream_connection_terminated", [])


def test_a_request_that_may_have_been_carried_out_is_not_sent_again_unseen() -> None:
    rig = Rig()
    dead = rig.idle()
    origin = rig.ask("POST", body=b"four")
    dead.lose()
    assert (origin.code, rig.connector.opening) == ("upstream_connection_terminated", [])


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_an_idle_connection_said_before_it_died_is_no_answer(
    reused: bool, method: str
) -> None:
    """Of a request without a body all was written at once, and that write failed."""
    rig = Rig()
    idle = rig.idle() if reused else None
    if method == "POST":
        rig.ask("POST", body=b"four")
    else:
        rig.ask()
    connection = idle or rig.connector.succeed()
    assert connection.attempt is not None
    assert connection.attempt.may_be_answered == (method == "POST" or not reused)


def test_where_there_is_no_room_for_a_fresh_connection_an_idle_one_will_do() -> None:
    rig = Rig(tries=1, limits=EndpointLimits(connections=2))
    (_, one), (_, dead) = rig.asked(), rig.asked()
    one.answer()
    dead.answer()
    rig.ask()
    dead.fault(UPSTREAM_RESET)
    assert (len(one.lines), rig.connector.opening) == (2, [])


def test_a_connection_that_another_request_put_back_may_have_died_too() -> None:
    rig = Rig(tries=1, limits=FULL)
    _, connection = rig.asked()
    waiting = rig.ask()
    connection.answer()
    connection.lose()
    rig.connector.succeed().answer(204, body=b"")
    assert (waiting.status, exchange_of(waiting).tries) == (204, 1)


def test_a_fresh_connection_that_is_reset_has_cost_a_try() -> None:
    rig = Rig(tries=1)
    dead = rig.idle()
    origin = rig.ask()
    dead.lose()
    rig.connector.succeed().lose()
    assert origin.code == "upstream_connection_terminated"


def test_nothing_is_under_way_behind_an_idle_connection_that_died() -> None:
    rig = Rig(tries=1)
    dead = rig.idle()
    rig.ask()
    dead.lose()
    rig.connector.succeed().answer()
    assert (rig.counts, rig.pool.open) == (NOTHING, 1)


# --- answers that come early ---------------------------------------------------------------------


def test_a_connection_whose_answer_came_before_the_body_s_end_is_not_used_again() -> None:
    rig = Rig()
    origin = rig.uploading("POST")
    connection = rig.connector.succeed()
    upload_of(origin).feed(b"half")
    connection.answer(413)
    assert (origin.status, connection.closed, rig.pool.idle) == (413, True, [])


def test_nothing_more_of_a_body_is_sent_behind_its_answer() -> None:
    rig = Rig()
    origin = rig.uploading("POST")
    connection = rig.connector.succeed()
    upload = upload_of(origin)
    connection.answer(413)
    upload.feed(b"late")
    assert connection.body == b""


def test_a_body_goes_on_while_its_answer_has_only_begun() -> None:
    rig = Rig()
    origin = rig.uploading("POST")
    connection = rig.connector.succeed()
    connection.begin_answer()
    upload_of(origin).feed(b"more")
    assert connection.body == b"more"


def test_a_connection_whose_answer_came_behind_the_body_s_end_is_used_again() -> None:
    rig = Rig()
    origin = rig.uploading("POST")
    connection = rig.connector.succeed()
    connection.begin_answer()
    upload_of(origin).end()
    connection.end_answer()
    assert rig.pool.idle == [connection]


# --- clients that leave --------------------------------------------------------------------------


def test_a_client_that_leaves_closes_the_connection() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    origin.leave()
    rig.turn()
    assert (connection.closed, rig.counts, rig.pool.open) == (True, NOTHING, 0)


def test_a_client_that_leaves_in_the_middle_of_its_answer_closes_the_connection() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    connection.begin_answer()
    origin.leave()
    assert (connection.closed, origin.aborted, rig.counts) == (True, False, NOTHING)


def test_nothing_more_of_a_body_is_sent_for_a_client_that_left() -> None:
    rig = Rig()
    origin = rig.uploading()
    connection = rig.connector.succeed()
    upload = upload_of(origin)
    origin.leave()
    upload.feed(b"late")
    assert connection.body == b""


def test_who_leaves_while_waiting_for_a_connection_is_in_the_queue_no_longer() -> None:
    rig = Rig(limits=EndpointLimits(connections=1))
    _, connection = rig.asked()
    rig.ask().leave()
    third = rig.ask()
    connection.answer()
    connection.answer(201)
    assert (third.status, rig.counts) == (201, NOTHING)


def test_a_connection_that_comes_about_for_nobody_is_kept() -> None:
    rig = Rig()
    rig.ask().leave()
    connection = rig.connector.succeed()
    assert (rig.pool.idle, rig.counts) == ([connection], NOTHING)


def test_a_connection_that_comes_about_for_nobody_serves_who_waits() -> None:
    rig = Rig(limits=FULL)
    rig.ask().leave()
    waiting = rig.ask()
    rig.connector.succeed().answer()
    assert waiting.status == 200


def test_a_connection_that_fails_for_nobody_is_nobody_s_fault() -> None:
    rig = Rig()
    origin = rig.ask()
    origin.leave()
    rig.connector.fail()
    assert (origin.said, rig.counts, rig.pool.open) == ([], NOTHING, 0)


def test_a_client_leaves_once() -> None:
    rig = Rig()
    origin, _ = rig.asked()
    attempt = attempt_of(origin)
    attempt.cancel()
    attempt.cancel()
    assert rig.counts == NOTHING


def test_a_connection_that_is_lost_behind_its_answer_is_nobody_s_fault() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    attempt = attempt_of(origin)
    connection.begin_answer()
    connection.end_answer(reusable=False)
    attempt.lost(UpstreamFault(UPSTREAM_RESET))
    assert (origin.said, rig.counts) == (["200", "end"], NOTHING)


@pytest.mark.parametrize("problem", [UPSTREAM_INCOMPLETE, UPSTREAM_RESET])
def test_a_500_that_breaks_off_is_one_failure_of_its_endpoint(problem: Problem) -> None:
    rig = Rig()
    _, connection = rig.asked()
    connection.begin_answer(500)
    connection.fault(problem)
    record = rig.pool.record
    assert (record.asked, record.failed, record.in_a_row) == (1, 1, 1)


def test_an_answer_that_breaks_off_is_a_failure_of_its_endpoint() -> None:
    rig = Rig()
    _, connection = rig.asked()
    connection.begin_answer(200)
    connection.fault(UPSTREAM_INCOMPLETE)
    assert (rig.pool.record.failed, rig.pool.record.in_a_row) == (1, 1)


def test_an_origin_that_has_enough_in_the_middle_of_the_last_part_is_told_no_end() -> None:
    rig = Rig()
    origin, connection = rig.asked()
    attempt = attempt_of(origin)
    origin.each_data = attempt.cancel
    connection.begin_answer()
    attempt.data(b"last")
    attempt.ended(reusable=True)
    assert (origin.said, rig.counts) == (["200", b"last"], NOTHING)


# --- tunnels -------------------------------------------------------------------------------------


def test_a_request_to_change_the_protocol_is_passed_on() -> None:
    _, connection = Rig().asked(change=sets_head("upgrade", b"websocket"))
    assert connection.framing == [b"connection: upgrade\r\nupgrade: websocket\r\n"]


def test_a_protocol_that_the_route_does_not_allow_is_not_passed_on() -> None:
    _, connection = Rig().asked(change=sets_head("upgrade", b"h2c"))
    assert connection.framing == [b""]


def test_both_sides_are_spliced_when_the_protocol_has_changed() -> None:
    origin, connection = Rig().asked(change=sets_head("upgrade", b"websocket"))
    connection.begin_answer(101)
    assert (origin.said, origin.upstream, connection.client) == (
        ["101", "tunnel"],
        connection,
        origin.tunnel,
    )


def test_a_tunnel_is_not_in_flight() -> None:
    rig = Rig()
    _, connection = rig.asked(change=sets_head("upgrade", b"websocket"))
    connection.begin_answer(101)
    assert rig.counts == NOTHING


def test_a_tunnel_that_ends_is_nobody_s_fault() -> None:
    rig = Rig()
    origin, connection = rig.asked(change=sets_head("upgrade", b"websocket"))
    connection.begin_answer(101)
    connection.lose()
    assert (origin.said, rig.pool.open) == (["101", "tunnel"], 0)


@pytest.mark.parametrize("asked", [None, b"h2c"])
def test_a_change_of_protocol_that_nobody_asked_for_is_garbage(asked: bytes | None) -> None:
    rig = Rig(TWO)
    change = sets_head("upgrade", asked)
    origin, connection = rig.asked(change=change)
    connection.begin_answer(101)
    assert (origin.said, origin.code, connection.closed, rig.counts) == (
        ["502", "end"],
        "upstream_answer_malformed",
        True,
        NOTHING,
    )


def test_a_change_of_protocol_that_a_policy_forbids_opens_no_tunnel() -> None:
    rig = Rig(policies=[Bound(on_response=lambda _: Response(403))])
    origin, connection = rig.asked(change=sets_head("upgrade", b"websocket"))
    connection.begin_answer(101)
    assert (origin.said, connection.closed, rig.counts) == (["403", "end"], True, NOTHING)


# --- policies that replace, fail or wait ---------------------------------------------------------


def test_a_service_whose_answer_was_replaced_is_not_listened_to() -> None:
    rig = Rig(policies=[Bound(on_response=lambda _: Response(418))])
    origin, connection = rig.asked()
    connection.answer(body=b"never seen")
    assert (origin.said, connection.closed, rig.counts) == (["418", "end"], True, NOTHING)


def test_an_answer_in_one_piece_may_be_replaced() -> None:
    rig = Rig(policies=[Bound(on_response=lambda _: Response(418))])
    origin, connection = rig.asked()
    connection.answer_whole(body=b"never seen")
    assert (origin.said, rig.pool.idle, rig.counts) == (["418", "end"], [connection], NOTHING)


def test_a_service_whose_answer_a_policy_failed_over_is_not_listened_to() -> None:
    def step(_: Exchange) -> None:
        raise ZeroDivisionError

    rig = Rig(policies=[Bound(on_response=step)])
    origin, connection = rig.asked()
    connection.answer(body=b"never seen")
    assert (origin.said, connection.closed, rig.counts) == (["500", "end"], True, NOTHING)


class Held(Rig):
    """A rig whose answers wait for a policy until the test opens the gate."""

    def __init__(self, endpoints: Sequence[Endpoint] = ONE) -> None:
        self.gate = Gate()
        super().__init__(endpoints, policies=[Bound(on_response=lambda _: self.gate)])

    def open(self, answer: Response | None = None) -> None:
        self.gate.is_open, self.gate.answer = True, answer
        self.turn()


def held(
    protocol: bytes | None = None, status: int = 200
) -> tuple[Held, FakeOrigin, FakeConnection]:
    """Return an answer whose head waits for a policy."""
    rig = Held()
    change = sets_head("upgrade", protocol)
    origin, connection = rig.asked(change=change)
    connection.begin_answer(status)
    rig.turn()
    return rig, origin, connection


class Reader:
    """A policy that reads so many parts of a body while it holds the head."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.read = b""
        self.ended = False

    def take(self, data: bytes) -> bool:
        self.read += data
        self.parts -= 1
        return self.parts > 0

    def end(self) -> None:
        self.ended = True


def previewed(parts: int) -> tuple[Held, FakeOrigin, FakeConnection, Reader]:
    """Return an answer whose head waits for a policy that reads its body."""
    rig, reader = Held(), Reader(parts)
    origin, connection = rig.asked()
    exchange_of(origin).preview = reader
    connection.begin_answer(200)
    rig.turn()
    return rig, origin, connection, reader


def test_a_policy_that_holds_the_head_may_read_the_body() -> None:
    rig, origin, connection, reader = previewed(9)
    connection.send(b"one")
    connection.send(b"two")
    assert (reader.read, origin.said, connection.reading) == (b"onetwo", [], True)
    connection.end_answer()
    assert reader.ended
    rig.open()
    assert origin.said == ["200", b"one", b"two", "end"]


def test_it_is_read_no_further_than_the_policy_wants() -> None:
    rig, origin, connection, reader = previewed(1)
    connection.send(b"one")
    assert not connection.reading
    connection.send(b"two")
    assert reader.read == b"one"
    rig.open()
    assert (origin.said, connection.reading) == (["200", b"one", b"two"], True)


@pytest.mark.parametrize("how", ["lost", "cancelled"])
def test_who_reads_is_told_that_nothing_more_comes(how: str) -> None:
    _, origin, connection, reader = previewed(9)
    if how == "lost":
        connection.lose()
    else:
        attempt_of(origin).cancel()
    assert reader.ended


def test_a_policy_that_cannot_keep_up_stops_the_answer_and_the_client_counts_too() -> None:
    origin, connection = Rig().asked()
    connection.begin_answer()
    attempt = attempt_of(origin)
    attempt.fall_behind()
    attempt.resume_answer()
    assert not connection.reading
    attempt.pause_answer()
    attempt.catch_up()
    assert not connection.reading
    attempt.resume_answer()
    assert connection.reading


def test_nothing_of_an_answer_leaves_before_its_head() -> None:
    rig, origin, connection = held()
    connection.send(b"one")
    assert (origin.said, connection.reading) == ([], False)
    rig.open()


def test_what_came_behind_a_head_that_waited_follows_it() -> None:
    rig, origin, connection = held()
    connection.send(b"one ")
    connection.send(b"two")
    rig.open()
    assert (origin.said, connection.reading) == (["200", b"one ", b"two"], True)


def test_an_answer_goes_on_behind_a_head_that_waited() -> None:
    rig, origin, connection = held()
    rig.open()
    connection.send(b"later")
    connection.end_answer()
    assert (origin.said, rig.counts) == (["200", b"later", "end"], NOTHING)


def test_an_answer_that_came_whole_behind_a_head_that_waited_is_ended_behind_it() -> None:
    rig, origin, connection = held()
    connection.send(b"all")
    connection.end_answer([(b"checksum", b"1")])
    rig.open()
    assert (origin.said, origin.trailers) == (["200", b"all", "end"], [(b"checksum", b"1")])


def test_what_came_behind_a_head_that_waited_is_counted() -> None:
    rig, origin, connection = held()
    connection.send(b"four")
    connection.end_answer()
    rig.open()
    assert exchange_of(origin).sent == 4


def test_an_answer_in_one_piece_waits_with_its_head() -> None:
    rig = Held()
    origin, connection = rig.asked()
    connection.answer_whole(body=b"hello")
    rig.turn()
    assert (origin.said, rig.pool.idle) == ([], [connection])
    rig.open()
    assert (origin.said, rig.counts) == (["200", b"hello", "end"], NOTHING)


def test_a_client_that_leaves_while_a_whole_answer_waits_gets_nothing() -> None:
    rig = Held()
    origin, connection = rig.asked()
    connection.answer_whole()
    rig.turn()
    origin.leave()
    rig.open()
    assert (origin.said, rig.counts, connection.closed) == ([], NOTHING, False)


def test_a_connection_serves_others_when_its_answer_is_over_though_the_head_waits() -> None:
    rig, _, connection = held()
    connection.end_answer()
    assert rig.pool.idle == [connection]
    rig.open()


def test_a_client_that_keeps_up_again_gets_no_body_before_the_head() -> None:
    rig, origin, connection = held()
    connection.send(b"one")
    attempt_of(origin).pause_answer()
    attempt_of(origin).resume_answer()
    assert (origin.said, connection.reading) == ([], False)
    rig.open()
    assert (origin.said, connection.reading) == (["200", b"one"], True)


def test_a_client_that_cannot_keep_up_is_not_overrun_when_the_head_has_left() -> None:
    rig, origin, connection = held()
    attempt_of(origin).pause_answer()
    rig.open()
    assert (origin.said, connection.reading) == (["200"], False)


@pytest.mark.parametrize(("instead", "status"), [(None, "502"), (Response(422), "422")])
def test_an_answer_that_is_lost_while_its_head_waits_makes_way_for_an_error(
    instead: Response | None, status: str
) -> None:
    rig, origin, connection = held()
    connection.send(b"half")
    connection.lose()
    assert origin.said == []
    rig.open(instead)
    assert (origin.said, rig.counts) == ([status, "end"], NOTHING)


def test_nothing_of_one_that_was_lost_is_shown_whatever_a_policy_made_of_it() -> None:
    rig, origin, connection = held()
    connection.lose()
    rig.open(from_upstream(200))
    assert origin.said == ["502", "end"]


def test_an_answer_that_is_replaced_while_its_body_waits_brings_none_of_it() -> None:
    rig, origin, connection = held()
    connection.send(b"never seen")
    rig.open(Response(503))
    assert (origin.said, connection.closed, rig.counts) == (["503", "end"], True, NOTHING)


def test_an_answer_that_is_replaced_when_it_has_all_come_brings_none_of_it() -> None:
    rig, origin, connection = held()
    connection.send(b"never seen")
    connection.end_answer()
    rig.open(Response(503))
    assert (origin.said, connection.closed, rig.counts) == (["503", "end"], False, NOTHING)


def test_a_client_that_leaves_while_the_head_waits_gets_nothing() -> None:
    rig, origin, connection = held()
    connection.send(b"one")
    origin.leave()
    rig.open()
    assert (origin.said, connection.closed, rig.counts) == ([], True, NOTHING)


def test_a_tunnel_opens_when_its_head_has_left() -> None:
    rig, origin, connection = held(b"websocket", 101)
    assert origin.tunnel is None
    rig.open()
    assert (origin.said, connection.client, connection.reading) == (
        ["101", "tunnel"],
        origin.tunnel,
        True,
    )


def test_what_the_service_said_before_the_tunnel_opened_is_not_lost() -> None:
    rig, origin, connection = held(b"websocket", 101)
    connection.send(b"early")
    rig.open()
    assert origin.tunnel is not None
    assert (origin.tunnel.written, rig.counts) == ([b"early"], NOTHING)


# --- the way -------------------------------------------------------------------------------------


def test_a_service_is_told_who_passed_the_request_on() -> None:
    _, connection = Rig().asked(forwarding=[(b"via", b"1.0 other")])
    assert b"via: 1.0 other\r\nvia: 1.1 tta-gateway-00000000\r\n" in connection.fields[0]


def test_a_request_that_has_been_here_before_goes_no_further() -> None:
    rig = Rig()
    origin = rig.ask(forwarding=[(b"via", b"1.1 tta-gateway-00000000")])
    assert (origin.said[0], rig.counts) == ("508", NOTHING)


def test_a_request_of_another_gateway_is_no_loop() -> None:
    origin, connection = Rig().asked(forwarding=[(b"via", b"1.1 tta-gateway-00000001")])
    connection.answer(200)
    assert origin.said[0] == "200"


# Another configuration


def adopt(rig: Rig, *endpoints: Endpoint) -> None:
    """Let the service have these endpoints from now on."""
    service = msgspec.structs.replace(rig.upstream.service, endpoints=endpoints)
    reconfigured(rig.forwarder, {"players": service})


def test_a_service_that_stays_the_same_stays_as_it_is() -> None:
    rig = Rig()
    before = rig.upstream
    adopt(rig, *ONE)
    assert rig.upstream is before


def test_idle_connections_to_a_service_that_has_changed_are_closed() -> None:
    rig = Rig()
    connection = rig.idle()
    adopt(rig, *TWO)
    assert (connection.closed, len(rig.upstream.pools)) == (True, 2)


def test_what_is_under_way_is_answered_by_the_service_that_it_was_sent_to() -> None:
    rig = Rig()
    origin = rig.ask()
    connection = rig.connector.succeed()
    adopt(rig, *TWO)
    connection.answer()
    assert (origin.status, rig.upstream.active) == (200, 0)


def test_who_waits_for_an_older_service_does_not_wait_for_ever() -> None:
    rig = Rig(limits=EndpointLimits(connections=1))
    rig.ask()
    rig.connector.succeed()
    waiting = rig.ask()
    adopt(rig, *TWO)
    rig.clock.advance(61.0)
    rig.forwarder.expire(rig.clock.monotonic())
    assert waiting.code == "upstream_total_timeout"


def gone(rig: Rig, *stays: Endpoint) -> None:
    """Have control find that these endpoints alone are there."""
    standing = Standing(endpoints=tuple(Stand(endpoint=one) for one in stays))
    rig.forwarder.adopt_standings({rig.name: standing}, now=rig.clock.monotonic(), wall=0.0)


def test_who_waits_for_an_endpoint_that_has_gone_is_led_to_another_at_once() -> None:
    rig = Rig(limits=EndpointLimits(connections=1))
    _, busy = rig.asked()
    waiting = [rig.ask("POST", body=b"abc") for _ in range(2)]
    gone(rig, *TWO[1:])
    assert rig.pool.endpoint.port == 9002
    connection = rig.connector.succeed()
    connection.answer()
    connection.answer()
    assert [one.status for one in waiting] == [200, 200]
    assert [exchange_of(one).tries for one in waiting] == [1, 1]
    busy.answer()
    assert busy.closed
    rig.turn()
    assert rig.counts == NOTHING


def test_who_waits_for_the_last_endpoint_hears_that_it_has_gone() -> None:
    rig = Rig(limits=EndpointLimits(connections=1))
    _, busy = rig.asked()
    waiting = rig.ask()
    gone(rig)
    assert (waiting.code, waiting.flushes) == ("upstream_unavailable", 1)
    busy.answer()
    rig.turn()
    assert rig.counts == NOTHING


def test_an_idle_connection_that_dies_with_its_endpoint_sends_the_request_elsewhere() -> None:
    rig = Rig()
    connection = rig.idle()
    origin = rig.ask()
    gone(rig, *TWO[1:])
    connection.lose()
    again = rig.connector.succeed()
    again.answer()
    assert (again.pool.endpoint.port, origin.status) == (9002, 200)
    assert rig.counts == NOTHING


def test_an_endpoint_that_has_gone_is_not_ejected_any_more() -> None:
    rig = Rig(TWO, tries=1)
    for _ in range(20):
        rig.ask()
    gone(rig, *ONE)
    while rig.connector.opening:
        rig.connector.fail()
    rig.forwarder.tick(rig.clock.monotonic())
    assert all(notice.endpoint != "127.0.0.1:9002" for notice in rig.upstream.notices)


def test_a_service_that_is_gone_is_unavailable() -> None:
    rig = Rig()
    reconfigured(rig.forwarder, {})
    assert rig.ask().code == "upstream_unavailable"


def degraded(rig: Rig, *names: str) -> None:
    stands = tuple(Stand(endpoint=one) for one in ONE)
    standing = Standing(endpoints=stands, degraded=names)
    rig.forwarder.adopt_standings({rig.name: standing}, now=0.0, wall=0.0)


def test_a_service_that_is_not_told_of_is_left_as_it_is_and_of_nothing_as_configured() -> None:
    rig = Rig()
    degraded(rig, "mail")
    pools = rig.upstream.pools
    rig.forwarder.adopt_standings({}, now=0.0, wall=0.0)
    assert (rig.upstream.pools, rig.upstream.degraded) == (pools, ("mail",))
    assert rig.upstream.pools is pools
    rig.forwarder.adopt_standings({rig.name: None}, now=0.0, wall=0.0)
    assert rig.upstream.degraded == ()
    assert [one.endpoint for one in rig.upstream.pools] == list(ONE)


def told_degraded(origin: FakeOrigin) -> bytes | None:
    assert origin.head is not None
    return origin.head.get(b"x-degraded")


def test_an_answer_names_what_the_service_does_without() -> None:
    rig = Rig()
    degraded(rig, "mail", "search")
    whole, connection = rig.asked()
    connection.answer_whole()
    pieces = rig.ask()
    connection.answer()
    assert [told_degraded(one) for one in (whole, pieces)] == [b"mail, search", b"mail, search"]


def test_where_nothing_is_missing_nothing_is_named() -> None:
    rig = Rig()
    degraded(rig, "mail")
    degraded(rig)
    origin, connection = rig.asked()
    connection.answer()
    assert told_degraded(origin) is None


def test_without_a_hard_dependency_clients_hear_which_one_is_down() -> None:
    rig = Rig()
    stands = tuple(Stand(endpoint=one) for one in ONE)
    standing = Standing(endpoints=stands, down=("database",))
    rig.forwarder.adopt_standings({rig.name: standing}, now=0.0, wall=0.0)
    head = rig.ask().head
    assert head is not None
    assert head.problem is UPSTREAM_UNAVAILABLE
    assert head.detail == "The service `players` needs `database`, which is down."


# --- the service and the endpoint that policies chose --------------------------------------------


def test_a_request_goes_to_the_service_that_was_chosen_for_it() -> None:
    rig = Rig()
    other = Service(name="other", endpoints=(an_endpoint(9100),))
    reconfigured(rig.forwarder, {rig.name: rig.upstream.service, "other": other})
    origin = rig.ask(change=sets("service", "other"))
    assert origin_of_endpoint(origin) == "127.0.0.1:9100"


def test_a_request_that_sticks_goes_to_its_endpoint_every_time() -> None:
    rig = Rig(TWO)
    found = {
        key: {origin_of_endpoint(rig.ask(change=sets("key", key))) for _ in range(3)}
        for key in (b"a", b"b", b"c", b"d")
    }
    assert {len(one) for one in found.values()} == {1}
    assert set().union(*found.values()) == {"127.0.0.1:9001", "127.0.0.1:9002"}


def origin_of_endpoint(origin: FakeOrigin) -> str | None:
    exchange = origin.exchange
    assert exchange is not None  # it has asked
    return exchange.endpoint
