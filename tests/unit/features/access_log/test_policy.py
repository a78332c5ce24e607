from typing import Any

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_exchange, answered, from_upstream
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.access_log.policy import AccessLog
from tta_gateway.kernel.errors import UpstreamFault
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.problem import NOT_FOUND, UPSTREAM_RESET
from tta_gateway.kernel.upload import Upload
from tta_gateway.support.clock import Stamp


class Kept:
    """Lines that are kept in a list."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes) -> None:
        self.lines.append(line)


class Nobody:
    """A source of bodies that is never told to wait."""

    def pause_upload(self) -> None:
        raise AssertionError

    def resume_upload(self) -> None:
        raise AssertionError


def a_policy(kept: Kept, clock: FakeClock, *, whole_paths: bool = True) -> AccessLog:
    policy = AccessLog(
        kept, clock=clock.monotonic, stamp=Stamp(clock.wall), whole_paths=whole_paths
    )
    bound = policy.for_route(a_route("/players/{id}"))
    assert bound is not None
    return bound


def raw(exchange: Exchange, *, took: float = 0.0) -> bytes:
    """Return the line that is written when the exchange is over."""
    kept, clock = Kept(), FakeClock(monotonic=exchange.started + took)
    a_policy(kept, clock).on_finish(exchange)
    assert len(kept.lines) == 1
    return kept.lines[0]


def line(exchange: Exchange, *, took: float = 0.0) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.json.decode(raw(exchange, took=took))
    return members


def over(status: int = 200) -> Exchange:
    return answered(an_exchange(), from_upstream(status))


def test_a_line_says_all_about_an_exchange_that_is_of_use() -> None:
    exchange = answered(an_exchange(a_head("PUT", "/players/7")), from_upstream(201))
    exchange.request_id = b"id-7"
    exchange.traceparent = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    exchange.first_byte_at = exchange.started + 0.25
    exchange.sent, exchange.endpoint, exchange.tries = 42, "127.0.0.1:9001", 2
    exchange.upload = Upload(Nobody(), limit=100, keep=100)
    exchange.upload.feed(b"seven b")
    assert line(exchange, took=0.5) == {
        "ts": "2023-11-14T22:13:20.000Z",
        "request_id": "id-7",
        "trace_id": "a" * 32,
        "client": "192.0.2.7",
        "method": "PUT",
        "path": "/players/7",
        "route": "/players/{id}",
        "status": 201,
        "code": "",
        "sent": 42,
        "received": 7,
        "duration_us": 500_000,
        "first_byte_us": 250_000,
        "service": "players",
        "endpoint": "127.0.0.1:9001",
        "tries": 2,
        "class": "therapeutic",
    }


def test_what_a_rule_in_shadow_mode_would_refuse_is_written_with_its_code() -> None:
    exchange = over()
    assert "shadow" not in line(exchange)
    exchange.shadowed = "access_not_there"
    assert line(exchange)["shadow"] == "access_not_there"


def test_the_query_is_never_written() -> None:
    exchange = answered(an_exchange(a_head("GET", "/a?token=secret")), from_upstream())
    assert b"secret" not in raw(exchange)


def test_no_field_s_value_is_ever_written() -> None:
    fields = [(b"authorization", b"Bearer secret"), (b"cookie", b"a=secret"), (b"x", b"secret")]
    exchange = an_exchange(a_head(fields=fields))
    answered(exchange, from_upstream(fields=[(b"set-cookie", b"a=secret")]))
    assert b"secret" not in raw(exchange)


def test_no_byte_of_a_body_is_ever_written() -> None:
    exchange = answered(an_exchange(), Response(200, body=b"secret"))
    exchange.upload = Upload(Nobody(), limit=100, keep=100)
    exchange.upload.feed(b"secret")
    assert b"secret" not in raw(exchange)


@pytest.mark.parametrize("path", ["/a%0Ab", '/a"b', "/a\\nb"])
def test_a_path_never_breaks_its_line(path: str) -> None:
    written = raw(answered(an_exchange(a_head("GET", path)), from_upstream()))
    assert (b"\n" in written, msgspec.json.decode(written)["path"]) == (False, path)


def test_an_answer_that_never_streamed_has_no_first_byte() -> None:
    assert line(over())["first_byte_us"] == 0


def test_an_error_of_ours_is_written_with_its_code() -> None:
    exchange = answered(an_exchange(), answer_of(NOT_FOUND))
    assert (line(exchange)["status"], line(exchange)["code"]) == (404, "routing_not_found")


def test_a_service_s_fault_is_written_with_its_code() -> None:
    exchange = answered(an_exchange(), answer_of(UPSTREAM_RESET))
    exchange.error = UpstreamFault(UPSTREAM_RESET)
    assert line(exchange)["code"] == "upstream_connection_terminated"


def test_a_client_that_left_is_written_as_499() -> None:
    exchange = over()
    exchange.aborted = True
    assert (line(exchange)["status"], line(exchange)["code"]) == (499, "client_gone")


def test_a_client_that_left_before_any_answer_is_written_as_499() -> None:
    exchange = an_exchange()
    exchange.aborted = True
    assert (line(exchange)["status"], line(exchange)["code"]) == (499, "client_gone")


def test_a_client_that_left_while_it_was_told_an_error_is_written_as_499() -> None:
    exchange = answered(an_exchange(), answer_of(NOT_FOUND))
    exchange.aborted = True
    assert (line(exchange)["status"], line(exchange)["code"]) == (499, "client_gone")


def test_an_answer_that_a_service_broke_off_is_not_the_client_s_doing() -> None:
    exchange = over(200)
    exchange.error, exchange.aborted = UpstreamFault(UPSTREAM_RESET), True
    written = line(exchange)
    assert (written["status"], written["code"]) == (200, "upstream_connection_terminated")


def test_an_exchange_without_an_answer_has_no_status() -> None:
    assert line(an_exchange())["status"] == 0


def test_a_request_that_no_route_takes_is_written_too() -> None:
    kept, clock = Kept(), FakeClock()
    policy = AccessLog(kept, clock=clock.monotonic, stamp=Stamp(clock.wall)).for_route(None)
    assert policy is not None
    policy.on_finish(over())
    written = msgspec.json.decode(kept.lines[0])
    assert (written["route"], written["service"]) == ("", "")


def test_a_log_that_is_off_binds_to_no_route() -> None:
    clock = FakeClock()
    policy = AccessLog(None, clock=clock.monotonic, stamp=Stamp(clock.wall))
    assert policy.for_route(a_route()) is None


def test_it_says_what_it_does() -> None:
    assert a_policy(Kept(), FakeClock()).explain() == "writes one line when the exchange is over"


def test_of_a_path_the_template_is_written_unless_all_of_it_is_wanted() -> None:
    for whole_paths, path in ((False, "/players/{id}"), (True, "/players/7")):
        kept, clock = Kept(), FakeClock()
        exchange = answered(an_exchange(a_head(target="/players/7")), from_upstream(200))
        a_policy(kept, clock, whole_paths=whole_paths).on_finish(exchange)
        assert msgspec.json.decode(kept.lines[0])["path"] == path


def test_of_a_path_without_a_route_nothing_is_written() -> None:
    kept, clock = Kept(), FakeClock()
    policy = AccessLog(kept, clock=clock.monotonic, stamp=Stamp(clock.wall)).for_route(None)
    assert policy is not None
    policy.on_finish(answered(an_exchange(a_head(target="/somebody")), from_upstream(404)))
    assert msgspec.json.decode(kept.lines[0])["path"] == ""
