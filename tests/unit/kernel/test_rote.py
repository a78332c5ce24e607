"""Rote: words that are kept, and whose they may be told."""

import pytest

from tests.helpers.builders import a_head, an_exchange
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Response, answer_of, lines_of
from tta_gateway.kernel.problem import NOT_FOUND
from tta_gateway.kernel.rote import PLACE, Rote, Words, words_of

ID = b"0198-7"


def entered(count: int) -> Exchange:
    exchange = an_exchange()
    exchange.entered = count
    return exchange


def a_rote() -> Rote:
    return Rote((), (lambda _: b"s", lambda _: b"de"), least=2, most=4)


@pytest.mark.parametrize(("count", "known"), [(1, False), (2, True), (4, True), (5, False)])
def test_it_is_told_where_all_have_been_entered_who_word_it_and_no_other(
    count: int, known: bool
) -> None:
    assert (a_rote().likeness(entered(count)) is not None) is known


def test_what_it_depends_on_is_told_apart() -> None:
    assert a_rote().likeness(entered(2)) == b"s\x00de\x00"
    assert Rote((), (), least=0, most=1).likeness(entered(1)) == b""


def test_who_asks_for_another_protocol_is_told_in_words_of_their_own() -> None:
    exchange = an_exchange(a_head())
    exchange.entered, exchange.request.upgrade = 2, b"websocket"
    assert a_rote().likeness(exchange) is None


def worded(fields: Fields, body: bytes) -> Words | None:
    response = answer_of(NOT_FOUND)
    response.fields, response.body = fields, body
    return words_of(response)


def test_words_are_told_with_each_one_s_own_id() -> None:
    words = worded([(b"a", b"1"), (b"x-id", PLACE), (b"b", b"2")], b"{" + PLACE + b"}")
    assert words is not None
    assert words.problem is NOT_FOUND
    for id in (ID, b"another"):
        response = answer_of(NOT_FOUND)
        words.add_to(response, id)
        assert response.fields == [(b"a", b"1"), (b"x-id", id), (b"b", b"2")]
        assert response.lines == lines_of(response.fields)
        assert (response.body, response.length) == (b"{" + id + b"}", len(id) + 2)
        response.add(b"date", b"now")
        assert response.lines == lines_of(response.fields)
        assert response.fields[-1] == (b"date", b"now")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([], PLACE),
        ([(b"x-id", PLACE), (b"y-id", PLACE)], PLACE),
        ([(b"x-id", b"<" + PLACE + b">")], PLACE),
        ([(b"x-id", PLACE)], b""),
        ([(b"x-id", PLACE)], PLACE + PLACE),
    ],
)
def test_where_the_id_stands_otherwise_nothing_is_kept(fields: Fields, body: bytes) -> None:
    assert worded(fields, body) is None


def test_what_is_no_problem_is_not_kept() -> None:
    assert words_of(Response(503, [(b"x-id", PLACE)], PLACE)) is None
    assert words_of(Response(503, [(b"x-id", PLACE)], None)) is None
