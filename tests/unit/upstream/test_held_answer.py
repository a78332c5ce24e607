"""Answers that wait for a policy: what of them is kept, shown, and passed on in the end."""

from tests.helpers.builders import an_exchange
from tests.helpers.fake_origin import FakeOrigin, FakeTunnel
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import NO_FIELDS
from tta_gateway.pipeline.run import Runner
from tta_gateway.upstream.held_answer import HeldAnswer, end_preview


class Reader:
    """A policy that reads so many parts."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.read: list[bytes] = []
        self.ended = 0

    def take(self, data: bytes) -> bool:
        self.read.append(data)
        return len(self.read) < self.parts

    def end(self) -> None:
        self.ended += 1


def asked(reader: Reader | None = None) -> tuple[Exchange, FakeOrigin]:
    origin = FakeOrigin(Runner(lambda work: work.close(), lambda *_: None))
    exchange = an_exchange(origin=origin)
    exchange.preview = reader
    return exchange, origin


def test_what_is_kept_is_passed_on_in_order_and_counted() -> None:
    exchange, origin = asked()
    held = HeldAnswer()
    assert held.take(b"one", exchange)
    assert held.take(b"three", exchange)
    held.end([(b"a", b"b")], exchange)
    assert origin.said == []
    held.pass_on(exchange, None)
    assert (origin.said, origin.trailers, exchange.sent) == (
        [b"one", b"three", "end"],
        [(b"a", b"b")],
        8,
    )


def test_what_came_behind_a_change_of_protocol_goes_through_the_tunnel() -> None:
    exchange, origin = asked()
    held, client = HeldAnswer(), FakeTunnel()
    held.take(b"one", exchange)
    held.pass_on(exchange, client)
    assert (client.written, origin.said) == ([b"one"], [])


def test_a_policy_is_shown_each_part_until_it_has_enough() -> None:
    reader = Reader(2)
    exchange, _ = asked(reader)
    held = HeldAnswer()
    assert [held.take(part, exchange) for part in (b"1", b"2", b"3")] == [True, False, True]
    assert (reader.read, exchange.preview) == ([b"1", b"2"], None)
    held.end(NO_FIELDS, exchange)
    assert reader.ended == 0


def test_a_policy_that_would_see_more_is_told_the_end_once() -> None:
    reader = Reader(9)
    exchange, _ = asked(reader)
    HeldAnswer().end(NO_FIELDS, exchange)
    end_preview(exchange)
    assert reader.ended == 1
