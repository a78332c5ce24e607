import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import a_plan, a_route
from tta_gateway.kernel.message import RequestHead
from tta_gateway.kernel.route import Condition, Route
from tta_gateway.routing.conflict import SHOWN, Owners, conflicts, wanted, witness
from tta_gateway.routing.table import Table
from tta_gateway.routing.template import parse


def test_one_route_is_in_nobody_s_way() -> None:
    assert conflicts([a_route("/a", trailing_slash="either")]) == []


def test_two_routes_of_one_shape_conflict_whatever_their_names() -> None:
    found = conflicts([a_route("/players/{id}"), a_route("/players/{player_id}")])
    assert found == [(0, 1, "takes GET /players/p, and so does the route `/players/{id}`")]


def test_each_pair_is_shown() -> None:
    routes = [a_route("/a"), a_route("/b"), a_route("/a"), a_route("/a")]
    assert [pair[:2] for pair in conflicts(routes)] == [(0, 2), (0, 3), (2, 3)]


def test_a_conflict_names_a_method_that_both_take() -> None:
    one = a_route("/a", methods=("POST", "PUT"))
    other = a_route("/a", methods=("PUT", "DELETE"))
    assert conflicts([one, other])[0][2] == "takes PUT /a, and so does the route `/a`"


def test_who_takes_get_takes_head_too() -> None:
    routes = [a_route("/a", methods=("GET",)), a_route("/a", methods=("HEAD",))]
    assert conflicts(routes)[0][2] == "takes HEAD /a, and so does the route `/a`"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (a_route("/a"), a_route("/b")),
        (a_route("/a"), a_route("/{id}")),
        (a_route("/{id}"), a_route("/{rest:path}")),
        (a_route("/a"), a_route("/a/")),
        (a_route("/a", host="x.example"), a_route("/a", host="y.example")),
        (a_route("/a", host="*.example"), a_route("/a")),
        (a_route("/a", methods=("GET",)), a_route("/a", methods=("POST",))),
        (a_route("/a", methods=("GET",)), a_route("/a")),
        (a_route("/a"), a_route("/a", conditions=(Condition(name="x-beta"),))),
        (
            a_route("/a", conditions=(Condition(name="x-beta"),)),
            a_route("/a", conditions=(Condition(name="x-beta", value="on"),)),
        ),
    ],
)
def test_routes_that_something_tells_apart_do_not_conflict(one: Route, other: Route) -> None:
    assert conflicts([one, other]) == []


def test_a_route_that_takes_either_slash_is_in_the_way_of_both() -> None:
    routes = [a_route("/a", trailing_slash="either"), a_route("/a/")]
    assert conflicts(routes) == [(0, 1, "takes GET /a/, and so does the route `/a`")]


def test_two_routes_that_take_either_slash_conflict_once() -> None:
    routes = [a_route("/a", trailing_slash="either"), a_route("/a/", trailing_slash="either")]
    assert [pair[:2] for pair in conflicts(routes)] == [(0, 1)]


def test_hosts_and_names_of_fields_are_the_same_in_any_case() -> None:
    one = a_route("/a", host="X.example", conditions=(Condition(name="X-Beta"),))
    other = a_route("/a", host="x.EXAMPLE", conditions=(Condition(name="x-beta"),))
    assert [pair[:2] for pair in conflicts([one, other])] == [(0, 1)]


SHAPES = st.sampled_from(["/a", "/a/", "/{id}", "/{id}/", "/a/{id}", "/{rest:path}", "/a/{r:path}"])
ROUTES = st.lists(st.builds(a_route, SHAPES), min_size=2, max_size=5)


@given(ROUTES)
def test_a_witness_is_a_path_that_its_route_takes(routes: list[Route]) -> None:
    path = witness(parse(routes[0].path))
    table = Table([(routes[0], a_plan(route=routes[0]))], nowhere=a_plan(), answer=_nobody)
    assert table.find(RequestHead(1, b"GET", path.encode()))[0].route == routes[0]


def _nobody(*_: object) -> None:
    """Answer nothing."""


def test_of_many_that_are_equal_each_is_shown_with_the_first_few() -> None:
    count = 500
    found = conflicts([a_route(f"/a/{{p{at}}}") for at in range(count)])
    assert {other for _, other, _ in found} == set(range(1, count))
    assert {one for one, _, _ in found} == set(range(SHOWN))
    assert len(found) <= SHOWN * count


METHODS = st.lists(st.sampled_from(["GET", "HEAD", "POST", "PUT"]), unique=True).map(tuple)
ANY = st.builds(
    a_route,
    st.sampled_from(["/a", "/a/", "/{x}", "/{y}/"]),
    methods=METHODS,
    host=st.sampled_from(["", "a.example", "A.example"]),
    trailing_slash=st.sampled_from(["strict", "either"]),
)


@given(st.lists(ANY, max_size=SHOWN))
def test_of_few_each_pair_is_shown(routes: list[Route]) -> None:
    pairs = [
        (one, other)
        for other in range(len(routes))
        for one in range(other)
        if conflicts([routes[one], routes[other]])
    ]
    assert sorted(pair[:2] for pair in conflicts(routes)) == sorted(pairs)


def test_who_comes_first_has_a_route_and_another_the_methods_that_are_left() -> None:
    owners = Owners()
    owners.add(a_route("/a", methods=("GET",)), 0)
    owners.add(a_route("/a", methods=("HEAD", "POST")), 1)
    assert owners.of(a_route("/a", methods=("PUT",))) == {}
    assert owners.of(a_route("/b", methods=("GET",))) == {}
    assert owners.of(a_route("/a", methods=("POST", "GET"))) == {"GET": 0, "HEAD": 0, "POST": 1}
    either = a_route("/a/", methods=("POST",), trailing_slash="either")
    assert owners.of(either) == {"POST": 1}


def test_routes_that_want_something_in_common_conflict_and_others_do_not() -> None:
    one = a_route("/a", methods=("GET",), trailing_slash="either")
    places = list(wanted(one))
    assert [method for _, method in places] == ["GET", "HEAD"] * 2
    for path, methods, common in (
        ("/a/", ("GET",), 2),
        ("/a", ("HEAD",), 1),
        ("/a", ("POST",), 0),
        ("/{x}", ("GET",), 0),
    ):
        other = a_route(path, methods=methods)
        assert len(set(places) & set(wanted(other))) == common
        assert (conflicts([one, other]) != []) == (common > 0)
