"""Leases and claims: who may say what, whose a route is, and who is there."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.register_store import a_registration
from tta_gateway.features.registration.algorithm import (
    Known,
    claimed,
    complaint,
    covers,
    held_by,
    is_id,
    renew_after,
    taken,
    unclaimed,
)
from tta_gateway.features.registration.bound import Token
from tta_gateway.features.registration.record import Declared, Registration
from tta_gateway.kernel.route import Breaker, Maintenance, Route

LIKE = Route(
    name="/",
    path="/",
    service="players",
    maintenance=Maintenance(text="wait"),
    breaker=Breaker(failures=5),
)
TOKEN = Token(digest=b"", services=("players",), routes=("/api/v1/players/", "/own"))


def declared(path: str, *methods: str) -> tuple[Declared, ...]:
    return (Declared(path=path, methods=methods),)


def operators(path: str, **fields: object) -> tuple[Route, ...]:
    return (Route(name=path, path=path, service="other", **fields),)  # type: ignore[arg-type]


def test_a_lease_is_renewed_three_times_while_it_lasts() -> None:
    assert renew_after(15.0) == 5.0


@pytest.mark.parametrize(
    ("text", "good"),
    [("a-B.3_~", True), ("a" * 128, True), ("", False), ("a" * 129, False), ("a/b", False)],
)
def test_an_id_is_what_a_path_holds_as_it_stands(text: str, good: bool) -> None:
    assert is_id(text) is good


@pytest.mark.parametrize(
    ("prefix", "path", "inside"),
    [
        ("/a/", "/a/b", True),
        ("/a/", "/a/", True),
        ("/a/", "/a", False),
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a", "/ab", False),
        ("/a/", "/{x}/b", False),
        ("/", "/a", True),
    ],
)
def test_a_prefix_covers_whole_segments(prefix: str, path: str, inside: bool) -> None:
    assert covers(prefix, path) is inside


def test_a_token_claims_what_is_below_its_prefixes() -> None:
    assert unclaimed(TOKEN, declared("/api/v1/players/{id}") + declared("/own")) == ""
    assert unclaimed(TOKEN, declared("/own") + declared("/api/v1/worlds")) == "/api/v1/worlds"


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/a/%2e%2e/b", "without escapes"),
        ("a", "begins with"),
        ("/a/../b", "neither"),
        ("/a//b", "never matches"),
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(path: str, word: str) -> None:
    assert word in complaint(declared(path))


def test_a_good_path_is_not() -> None:
    assert complaint(declared("/a/{b}/{rest:path}")) == ""


def test_no_instance_fills_the_table() -> None:
    assert "101 routes" in complaint(declared("/a") * 101)


def test_routes_come_of_registrations() -> None:
    one = a_registration(routes=declared("/a", "GET", "POST"))
    (route,) = claimed([one], (), {"players": LIKE})
    assert (route.name, route.path, route.methods) == ("GET,POST /a", "/a", ("GET", "POST"))
    assert (route.service, route.auth, route.internal) == ("players", "none", False)
    assert (route.maintenance, route.breaker) == (Maintenance(text="wait"), Breaker(failures=5))


def test_what_several_instances_declare_is_one_route() -> None:
    all_of_them = [a_registration(f"players/{name}", routes=declared("/a")) for name in "abc"]
    assert [one.name for one in claimed(all_of_them, (), {})] == ["/a"]


@pytest.mark.parametrize("fields", [{}, {"methods": ("GET",)}, {"trailing_slash": "either"}])
def test_the_operators_route_wins(fields: dict[str, object]) -> None:
    one = a_registration(routes=declared("/a"))
    assert claimed([one], operators("/a", **fields), {}) == ()
    route, owner = taken(one, [], operators("/a", **fields))
    assert (route, owner) == ("/a", "the operator, by the route `/a`")


@pytest.mark.parametrize("fields", [{"host": "a.example"}, {"methods": ("POST",)}])
def test_what_is_told_apart_is_no_conflict(fields: dict[str, object]) -> None:
    one = a_registration(routes=declared("/a", "GET"))
    assert len(claimed([one], operators("/a", **fields), {})) == 1
    assert taken(one, [], operators("/a", **fields)) == ("", "")


def test_of_two_services_the_older_has_the_route() -> None:
    old = a_registration("worlds/z", since=1.0, routes=declared("/a"))
    new = a_registration("players/a", since=2.0, routes=declared("/{x}") + declared("/a"))
    assert [(one.service, one.path) for one in claimed([new, old], (), {})] == [
        ("worlds", "/a"),
        ("players", "/{x}"),
    ]
    assert taken(new, [old], ()) == ("/a", "the service `worlds`")
    assert taken(new, [a_registration("players/b", routes=declared("/a"))], ()) == ("", "")


def test_what_others_quarrel_about_is_not_its_business() -> None:
    others = [a_registration(f"{name}/a", routes=declared("/a")) for name in ("worlds", "chat")]
    mine = a_registration(routes=declared("/{x}") + declared("/{y}"))
    assert taken(mine, others, ()) == ("", "")


SOME = st.lists(
    st.builds(
        lambda service, number, since, path: a_registration(
            f"{service}/{number}", since=since, routes=declared(path)
        ),
        st.sampled_from(["players", "worlds", "chat"]),
        st.integers(0, 9),
        st.sampled_from([1.0, 2.0, 3.0]),
        st.sampled_from(["/a", "/{x}", "/a/b", "/{y}"]),
    ),
    max_size=8,
    unique_by=lambda one: one.name,
)


@given(SOME, st.randoms())
def test_all_nodes_come_to_the_same_routes_and_each_path_has_one_service(
    some: list[Registration], order: random.Random
) -> None:
    routes = claimed(some, (), {})
    order.shuffle(some)
    assert claimed(some, (), {}) == routes
    shapes = ["/{}" if one.path in ("/{x}", "/{y}") else one.path for one in routes]
    assert len(set(shapes)) == len(shapes)


# --- who is there --------------------------------------------------------------------------------


ONE, OTHER = a_registration("players/a", lease=15.0), a_registration("players/b", lease=30.0)


def test_who_is_told_of_is_there_and_who_is_not_is_gone() -> None:
    known = Known()
    assert known.told([ONE, OTHER], 0.0)
    assert not known.told([OTHER, ONE], 1.0)
    assert known.told([OTHER], 2.0)
    assert known.of("players") == [OTHER]
    assert known.of("worlds") == []


def test_after_the_store_was_away_whoever_was_known_has_a_whole_lease() -> None:
    known = Known([ONE, OTHER])
    known.shaken(100.0)
    assert not known.told([], 100.0)
    assert not known.passed(114.9)
    assert known.passed(115.0)
    assert known.of("players") == [OTHER]
    assert known.passed(130.0)
    assert known.of("players") == []


def test_who_has_come_back_is_not_waited_for() -> None:
    known = Known([ONE])
    known.shaken(100.0)
    known.told([ONE], 101.0)
    assert not known.passed(116.0)
    assert known.told([], 117.0)


def test_who_is_over_when_something_is_told_is_gone() -> None:
    known = Known([ONE])
    known.shaken(100.0)
    assert known.told([OTHER], 116.0)
    assert known.of("players") == [OTHER]


def test_who_leaves_is_not_waited_for() -> None:
    known = Known([ONE])
    known.shaken(100.0)
    known.left(ONE.name)
    assert known.told([], 100.0)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("told"), st.sets(st.sampled_from("ab"))),
            st.tuples(st.sampled_from(["shaken", "passed"]), st.just(set[str]())),
            st.tuples(st.just("wait"), st.sets(st.sampled_from("ab"))),
        ),
        max_size=30,
    )
)
def test_nobody_outlives_a_lease_and_nobody_who_is_told_of_is_missing(
    steps: list[tuple[str, set[str]]],
) -> None:
    known, now = Known(), 0.0
    last = {"a": -1e9, "b": -1e9}  # when each was told of, or the store was shaken while known
    by_name = {"a": ONE, "b": OTHER}
    for step, names in steps:
        if step == "told":
            known.told([by_name[name] for name in names], now)
            last |= dict.fromkeys(names, now)
            assert names <= {one.id for one in known.of("players")}
        elif step == "shaken":
            last |= {one.id: now for one in known.of("players")}
            known.shaken(now)
        elif step == "passed":
            known.passed(now)
        else:
            now += 10.0
    known.told([], now)
    assert all(now - last[one.id] < one.lease for one in known.of("players"))


def test_what_many_instances_declare_is_looked_at_once() -> None:
    others = [a_registration(f"worlds/{number}", routes=declared("/b")) for number in range(50)]
    own = a_registration("players/2", routes=declared("/a"))
    assert held_by([*others, own], a_registration()) == [("worlds", *declared("/b"))]


def test_who_declares_nothing_takes_nothing() -> None:
    others = [a_registration("worlds/1", routes=declared("/a"))]
    assert taken(a_registration(), others, operators("/a")) == ("", "")
