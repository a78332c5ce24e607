"""Which exchanges leave a record, and what stands in it."""

import pytest

from tests.helpers.builders import a_head, a_plan, a_route, an_exchange, answered, from_upstream
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.error_records.bound import ErrorRecordsBound
from tta_gateway.features.error_records.metrics import RECORDS
from tta_gateway.features.error_records.policy import ErrorRecords
from tta_gateway.features.error_records.record import Record, Try
from tta_gateway.kernel.crisis import HELPED, WITHHELD
from tta_gateway.kernel.errors import GatewayError, UpstreamFault
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import NO_FIELDS, Fields, Response, answer_of
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import INTERNAL, NOT_FOUND, UPSTREAM_RESET
from tta_gateway.kernel.problem import UPSTREAM_BUSY as SHED
from tta_gateway.kernel.verdict import Verdict
from tta_gateway.support.metrics import Registry

MOST = 10


class Kept:
    """Keeps records, while there is room."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.room = True
        self.urgent: list[bool] = []
        self.closed_until = 0.0
        self.crowded = Registry().child(RECORDS, "crowded")

    def has_room(self, *, is_urgent: bool, is_alike: bool = False) -> bool:  # noqa: ARG002 - the port's
        self.urgent.append(is_urgent)
        return self.room

    def put(self, record: Record) -> None:
        self.records.append(record)


class Heard:
    """A sink that keeps what it is sent."""

    def __init__(self) -> None:
        self.said: list[bytes] = []

    def send_data(self, data: bytes) -> None:
        self.said.append(data)

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        self.said.append(b"end %d" % len(trailers))

    def abort(self) -> None:
        self.said.append(b"abort")


def a_policy(kept: Kept, *, enabled: bool = True) -> ErrorRecords | None:
    clock = FakeClock(monotonic=1002.5)
    bound = ErrorRecordsBound(enabled=enabled, body=MOST)
    made = ErrorRecords(bound, kept, clock=clock.monotonic, wall=clock.wall, fresh=lambda: "r-1")
    return made.for_route(None)


def over(exchange: Exchange, kept: Kept | None = None) -> list[Record]:
    kept = kept or Kept()
    policy = a_policy(kept)
    assert policy is not None
    policy.on_response(exchange)
    policy.on_finish(exchange)
    return kept.records


def an_ending(response: Response) -> Exchange:
    plan = a_plan(route=a_route("/chat"))
    exchange = answered(an_exchange(a_head("POST", "/chat"), plan=plan), response)
    exchange.request_id = b"c-1"
    exchange.traceparent = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    return exchange


def test_what_went_well_leaves_nothing() -> None:
    kept = Kept()
    assert over(an_ending(from_upstream(200)), kept) == []
    assert over(an_ending(answer_of(NOT_FOUND)), kept) == []
    assert kept.urgent == []


def test_where_no_records_are_kept_the_policy_is_absent() -> None:
    assert a_policy(Kept(), enabled=False) is None


def test_a_service_error_is_kept_with_its_tries_and_the_beginning_of_its_body() -> None:
    response = from_upstream(503)
    response.body = b"a long body of an error"
    exchange = an_ending(response)
    exchange.endpoint = "10.0.0.2:80"
    exchange.trail = [("10.0.0.1:80", "upstream_reset", 0, 0.25)]
    exchange.first_byte_at = exchange.started + 0.5
    exchange.principal = Principal(subject="ada", issuer="gateway")
    (record,) = over(exchange)
    assert record.tries == (
        Try("10.0.0.1:80", "upstream_reset", 0, 0.25),
        Try("10.0.0.2:80", "answered", 503, 0.5),
    )
    assert (record.upstream_status, record.body) == (503, b"a long bod")
    assert (record.kind, record.status, record.correlation) == ("error", 503, "c-1")
    assert (record.trace, record.person, record.took) == ("a" * 32, "gateway/ada", 2.5)
    assert (record.method, record.path, record.route) == ("POST", "/chat", "/chat")
    assert response.body == b"a long body of an error"


def test_a_body_that_streams_is_passed_on_and_its_beginning_kept() -> None:
    kept, heard = Kept(), Heard()
    policy = a_policy(kept)
    assert policy is not None
    exchange = an_ending(from_upstream(500))
    policy.on_response(exchange)
    assert exchange.wraps is not None
    sink = exchange.wraps[0](heard)
    for piece in (b"one ", b"two ", b"three ", b"four"):
        sink.send_data(piece)
    sink.send_end([(b"a", b"b")])
    sink.abort()
    policy.on_finish(exchange)
    assert heard.said == [b"one ", b"two ", b"three ", b"four", b"end 1", b"abort"]
    assert kept.records[0].body == b"one two th"


def test_a_tunnel_is_left_alone() -> None:
    exchange = an_ending(from_upstream(101))
    exchange.acted = HELPED
    assert [one.body for one in over(exchange)] == [b""]
    assert exchange.wraps is None


def test_an_error_of_ours_says_what_broke_and_lets_go_of_it() -> None:
    exchange = an_ending(answer_of(INTERNAL))
    exchange.error = GatewayError(INTERNAL)
    with pytest.raises(KeyError) as broken:
        dict[str, int]()["half a \ud800"]
    exchange.error.__cause__ = broken.value
    (record,) = over(exchange)
    assert record.broken is not None
    assert (record.broken.kind, record.code) == ("KeyError", "internal")
    assert "half a" in record.broken.text
    assert "test_policy.py:" in record.broken.where[-1]
    assert exchange.error.__cause__ is None


def test_an_answer_that_broke_off_is_an_error_whatever_its_status() -> None:
    exchange = an_ending(from_upstream(200))
    exchange.error = UpstreamFault(UPSTREAM_RESET, "It went.")
    (record,) = over(exchange)
    assert (record.kind, record.status, record.code) == ("error", 200, UPSTREAM_RESET.code)
    assert (record.detail, record.broken) == ("It went.", None)


def test_an_act_of_safety_leaves_a_record_that_is_urgent() -> None:
    kept = Kept()
    exchange = an_ending(answer_of(NOT_FOUND, "It was not shown."))
    exchange.acted, exchange.withheld = WITHHELD, "what was not shown, and more"
    exchange.safety = Verdict(level=2, categories=("suicide",))
    (record,) = over(exchange, kept)
    assert (record.kind, record.acted, record.withheld) == ("safety", WITHHELD, "what was n")
    assert (record.level, record.categories) == (2, ("suicide",))
    assert (record.code, record.detail) == (NOT_FOUND.code, "It was not shown.")
    assert kept.urgent == [True]


def test_where_there_is_no_room_nothing_is_made() -> None:
    kept = Kept()
    kept.room = False
    assert over(an_ending(answer_of(INTERNAL)), kept) == []


def test_an_exchange_without_an_answer_can_be_told_of() -> None:
    exchange = an_exchange()
    exchange.acted = HELPED
    (record,) = over(exchange)
    assert (record.status, record.route, record.tries) == (0, "", ())


def test_it_says_what_it_does() -> None:
    policy = a_policy(Kept())
    assert policy is not None
    assert "record" in policy.explain()


def test_while_it_is_closed_to_those_that_are_alike_they_are_counted_and_nobody_is_asked() -> None:
    kept = Kept()
    kept.closed_until = 1003.0
    assert over(an_ending(answer_of(SHED)), kept) == []
    assert (kept.urgent, kept.crowded.values()) == ([], [1.0])
    kept.closed_until = 1002.5
    assert len(over(an_ending(answer_of(SHED)), kept)) == 1


def test_while_it_is_closed_others_are_kept_all_the_same() -> None:
    kept, tried, acted = Kept(), an_ending(answer_of(UPSTREAM_RESET)), an_ending(answer_of(SHED))
    kept.closed_until = 1003.0
    tried.trail = [("a:1", "upstream_connection_terminated", 0, 0.1)]
    acted.acted = HELPED
    over(tried, kept)
    over(acted, kept)
    assert kept.urgent == [False, True]
