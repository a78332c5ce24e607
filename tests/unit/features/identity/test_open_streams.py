"""What stays open on somebody's word ends with it, and nothing else does."""

from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import an_exchange
from tests.helpers.fake_origin import FakeOrigin
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.revoked import EVERYBODY
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.principal import Principal
from tta_gateway.pipeline.run import Runner

NOW = 1_800_000_000.0
_IN_A_TURN = 100


def _nobody(*_: object) -> None:
    """Hear nothing."""


class House:
    """Open streams, and a loop that turns when it is told to."""

    def __init__(self) -> None:
        self.turns: list[Callable[[], None]] = []
        self.streams = OpenStreams(later=self.turns.append)
        self.streams.tick(NOW)

    def open(self, **said: object) -> Exchange:
        principal = Principal(**{"subject": "p1", "issuer": "home", **said})  # type: ignore[arg-type]
        exchange = an_exchange()
        origin = FakeOrigin(Runner(_nobody, _nobody))
        origin.exchange, exchange.origin = exchange, origin
        self.streams.hold(exchange, principal)
        return exchange

    def turn(self) -> None:
        turns, self.turns[:] = list(self.turns), []
        for one in turns:
            one()

    def at(self, now: float) -> None:
        self.streams.tick(now)
        while self.turns:
            self.turn()


def said(exchange: Exchange) -> list[object]:
    return list(cast("FakeOrigin", exchange.origin).said)


def test_one_ends_when_its_token_does_and_hears_that_it_may_come_back() -> None:
    house = House()
    exchange = house.open(expires=NOW + 5)
    house.at(NOW + 4.9)
    assert said(exchange) == []
    house.at(NOW + 5.3)
    assert said(exchange) == ["3000 the token has expired: connect again with a new one"]
    assert exchange.error is not None
    assert exchange.error.problem.code == "identity_token_expired"
    assert len(house.streams) == 0


def test_one_that_opens_behind_its_token_s_end_ends_at_once() -> None:
    house = House()
    for number in range(3):
        house.open(expires=NOW + 1000 + number)
    house.at(NOW + 3)
    exchange = house.open(expires=NOW + 1)
    house.turn()
    assert said(exchange) == ["3000 the token has expired: connect again with a new one"]


def test_one_without_an_end_stays() -> None:
    house = House()
    exchange = house.open()
    house.at(NOW + 10**8)
    assert said(exchange) == []


@given(st.floats(0.0, 3600.0), st.lists(st.floats(0.05, 900.0), min_size=1, max_size=30))
def test_whatever_the_looks_one_ends_at_the_first_that_is_half_a_second_late(
    lasts: float, pauses: list[float]
) -> None:
    house, now = House(), NOW
    exchange = house.open(expires=NOW + lasts)
    for pause in pauses:
        now += pause
        house.at(now)
        assert not said(exchange) or now >= NOW + lasts
        assert said(exchange) or now < NOW + lasts + 0.5


def test_a_clock_that_is_set_back_ends_nobody_and_holds_nobody_for_longer() -> None:
    house = House()
    exchange = house.open(expires=NOW + 5)
    house.at(NOW - 3600)
    assert said(exchange) == []
    other = house.open(expires=NOW - 3000)
    house.at(NOW - 2999)
    assert said(exchange) == []
    assert len(said(other)) == 1
    house.at(NOW + 6)
    assert len(said(exchange)) == 1


@pytest.mark.parametrize(
    ("named", "word"),
    [
        ({"sessions": ["s1"]}, "1008 the session has been ended: log in again"),
        ({"subjects": ["p1"]}, "3000 what you may do has changed: connect again with a new token"),
        (
            {"sessions": ["s1"], "subjects": ["p1"]},
            "1008 the session has been ended: log in again",
        ),
    ],
)
def test_what_is_open_on_a_session_ends_with_it_or_comes_back_with_another_token(
    named: dict[str, list[str]], word: str
) -> None:
    house = House()
    theirs, others = house.open(session="s1"), house.open(session="s2", subject="p2")
    house.streams.revoked(lambda _: True, **named)
    house.turn()
    assert said(theirs) == [word]
    assert said(others) == []


def test_one_that_is_newer_than_the_end_stays() -> None:
    house = House()
    old, new = house.open(authenticated=NOW - 9), house.open(authenticated=NOW + 1)
    house.streams.revoked(lambda one: one.authenticated < NOW, subjects=["p1"])
    house.turn()
    assert len(said(old)) == 1
    assert said(new) == []


def test_where_everybody_is_meant_all_that_are_older_come_back() -> None:
    house = House()
    old = [house.open(authenticated=NOW - 9), house.open(authenticated=NOW - 8, subject="p2")]
    new = house.open(authenticated=NOW + 1)
    house.streams.revoked(lambda one: one.authenticated < NOW, subjects=[EVERYBODY])
    house.turn()
    word = "3000 what you may do has changed: connect again with a new token"
    assert [said(one) for one in (*old, new)] == [[word], [word], []]


def test_those_of_an_issuer_that_is_believed_no_longer_end() -> None:
    house = House()
    one, other = house.open(), house.open(issuer="clinic")
    house.streams.disbelieved(frozenset(("home",)))
    house.turn()
    assert said(one) == []
    assert len(said(other)) == 1


def test_thousands_end_a_few_in_a_turn() -> None:
    house = House()
    all_of_them = [house.open(expires=NOW + 1) for _ in range(1000)]
    house.streams.tick(NOW + 2)
    for turn in range(1, 11):
        house.turn()
        assert sum(bool(said(one)) for one in all_of_them) == turn * _IN_A_TURN
    assert not house.turns


def test_one_that_is_over_is_forgotten_and_hears_nothing() -> None:
    house = House()
    exchange = house.open(expires=NOW + 1, session="s1")
    house.streams.forget(exchange)
    house.streams.forget(exchange)
    house.streams.revoked(lambda _: True, sessions=["s1"], subjects=["p1"])
    house.at(NOW + 2)
    assert said(exchange) == []
    assert len(house.streams) == 0


def test_one_that_leaves_while_others_are_shown_out_hears_nothing() -> None:
    house = House()
    exchange = house.open(expires=NOW + 1)
    house.streams.tick(NOW + 2)
    house.streams.forget(exchange)
    house.turn()
    assert said(exchange) == []


def test_one_whose_end_fails_keeps_nobody_else_open() -> None:
    """Red without `finally` in open_streams.py."""
    house = House()
    first, second = house.open(expires=NOW + 1), house.open(expires=NOW + 1)
    third = house.open(expires=NOW + 2)

    def failing(code: int, reason: bytes) -> None:
        raise OSError(code, reason)

    for exchange in (first, second):
        origin = cast("FakeOrigin", exchange.origin)
        origin.dismiss = failing  # type: ignore[method-assign]
    house.streams.tick(NOW + 1.5)
    for _ in range(2):
        with pytest.raises(OSError, match="3000"):
            house.turn()
    house.at(NOW + 2.5)
    assert len(said(third)) == 1
    assert len(house.streams) == 0


def test_those_of_somebody_who_is_erased_end_and_may_come_back_to_nothing() -> None:
    house = House()
    theirs, also = house.open(session="s1"), house.open(session="s2")
    namesake, other = house.open(issuer="away"), house.open(subject="p2")
    house.streams.erased("home/p1")
    house.streams.erased("home/nobody")
    house.turn()
    ended = ["3000 what was kept here has been erased: connect again"]
    assert (said(theirs), said(also)) == (ended, ended)
    assert (said(namesake), said(other), len(house.streams)) == ([], [], 2)
