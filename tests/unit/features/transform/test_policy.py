"""Transform: fields that the operator sets, adds or removes, route by route."""

import pytest

from tests.helpers.builders import a_head, a_route, an_exchange, answered, from_upstream
from tta_gateway.features.transform.policy import BoundTransform, Transform
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.route import Route

Changes = tuple[tuple[str, str | None], ...]
Added = tuple[tuple[str, str], ...]


def _bound(*, request: Changes = (), response: Changes = ()) -> BoundTransform:
    bound = Transform().for_route(a_route(request_fields=request, response_fields=response))
    assert bound is not None
    return bound


def _sent(changes: Changes, fields: Fields) -> Fields | None:
    exchange = an_exchange(a_head(fields=fields))
    _bound(request=changes).on_request(exchange)
    return exchange.upstream_fields


def _told(changes: Changes, fields: Fields) -> Fields:
    response = from_upstream(fields=fields)
    _bound(response=changes).on_response(answered(an_exchange(), response))
    return response.fields


def _adding(*, request: Added = (), response: Added = (), sets: Changes = ()) -> BoundTransform:
    route = a_route(request_appended=request, response_appended=response, response_fields=sets)
    bound = Transform().for_route(route)
    assert bound is not None
    return bound


@pytest.mark.parametrize("route", [None, a_route()])
def test_a_route_without_changes_has_nothing_to_do(route: Route | None) -> None:
    assert Transform().for_route(route) is None


def test_a_value_sets_the_field() -> None:
    assert _sent((("x-new", "1"),), [(b"accept", b"a")]) == [(b"accept", b"a"), (b"x-new", b"1")]


def test_a_value_stands_in_the_place_of_every_field_of_that_name() -> None:
    assert _sent((("X-Old", "new"),), [(b"x-old", b"1"), (b"x-old", b"2")]) == [(b"x-old", b"new")]


def test_null_removes_every_field_of_that_name() -> None:
    assert _told((("X-Gone", None),), [(b"x-gone", b"1"), (b"a", b"b"), (b"x-gone", b"2")]) == [
        (b"a", b"b")
    ]


def test_null_for_a_field_that_is_not_there_changes_nothing() -> None:
    assert _told((("x-gone", None),), [(b"a", b"b")]) == [(b"a", b"b")]


def test_the_request_that_other_policies_see_stays_as_it_came() -> None:
    exchange = an_exchange(a_head(fields=[(b"cookie", b"c")]))
    _bound(request=(("cookie", None),)).on_request(exchange)
    assert exchange.request.fields == [(b"cookie", b"c")]
    assert exchange.upstream_fields == []


def test_a_change_of_the_answer_leaves_the_request_alone() -> None:
    exchange = an_exchange(a_head(fields=[(b"a", b"b")]))
    _bound(response=(("a", None),)).on_request(exchange)
    assert exchange.upstream_fields in (None, [(b"a", b"b")])


def test_a_change_of_the_request_leaves_the_answer_alone() -> None:
    response = from_upstream(fields=[(b"a", b"b")])
    _bound(request=(("a", None),)).on_response(answered(an_exchange(), response))
    assert response.fields == [(b"a", b"b")]


def test_what_is_added_stands_behind_every_field_of_that_name() -> None:
    exchange = an_exchange(a_head(fields=[(b"x-a", b"1"), (b"b", b"c"), (b"x-a", b"2")]))
    _adding(request=(("X-A", "3"), ("x-a", "4"))).on_request(exchange)
    assert exchange.upstream_fields == [
        (b"x-a", b"1"),
        (b"b", b"c"),
        (b"x-a", b"2"),
        (b"x-a", b"3"),
        (b"x-a", b"4"),
    ]


def test_what_is_added_need_not_be_there() -> None:
    response = from_upstream(fields=[])
    _adding(response=(("vary", "a"),)).on_response(answered(an_exchange(), response))
    assert response.fields == [(b"vary", b"a")]


def test_adding_changes_neither_the_other_direction_nor_what_others_see() -> None:
    came: Fields = [(b"a", b"b")]
    exchange = an_exchange(a_head(fields=came))
    bound = _adding(response=(("a", "1"),), sets=(("c", "d"),))
    bound.on_request(exchange)
    response = from_upstream(fields=[(b"c", b"x"), (b"a", b"0")])
    bound.on_response(answered(exchange, response))
    assert exchange.request.fields == came == [(b"a", b"b")]
    assert exchange.upstream_fields in (None, [(b"a", b"b")])
    assert response.fields == [(b"a", b"0"), (b"c", b"d"), (b"a", b"1")]


def test_what_is_added_to_a_request_is_seen_by_the_service_alone() -> None:
    exchange = an_exchange(a_head(fields=[(b"a", b"b")]))
    _adding(request=(("a", "c"),)).on_request(exchange)
    assert exchange.request.fields == [(b"a", b"b")]


def test_it_says_the_names_of_what_it_adds() -> None:
    bound = _adding(request=(("b", "secret"),), response=(("c", "x"),), sets=(("a", None),))
    assert bound.explain() == "changes of the request: b; of the answer: a, c"


def test_it_says_the_names_of_both_directions_and_no_value() -> None:
    bound = _bound(request=(("b", "secret"), ("A", None)), response=(("c", "x"),))
    assert bound.explain() == "changes of the request: a, b; of the answer: c"


def test_a_direction_without_changes_is_said_to_have_none() -> None:
    assert _bound(request=(("a", "1"),)).explain() == (
        "changes of the request: a; of the answer: none"
    )
