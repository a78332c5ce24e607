"""What is declared at the moment: who is in the way of one more, and whether there is room."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Route
from tta_gateway.routing.conflict import conflicts
from tta_gateway.routing.declared import MOST_IN_ALL, MOST_OF_SERVICE
from tta_gateway.routing.held import Held

ALL = ("players", "worlds", "chat")


def declared(path: str, *methods: str) -> Declared:
    return Declared(path=path, methods=methods, auth="none")


def held(**routes: Iterable[Declared]) -> Held:
    """What an instance of each of these services declares."""
    made = Held()
    for service, some in routes.items():
        made.add(service, some)
    return made


def operators(path: str, **fields: object) -> tuple[Route, ...]:
    return (Route(name=path, path=path, service="other", **fields),)  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [{}, {"methods": ("GET",)}, {"trailing_slash": "either"}])
def test_the_operators_routes_are_in_the_way(fields: dict[str, object]) -> None:
    made = held(worlds=[declared("/a")])
    made.govern(operators("/a", **fields))
    owner = "the operator, by the route `/a`"
    assert made.taken("players", [declared("/b"), declared("/a")], ALL) == ("/a", owner)
    made.govern(())
    assert made.taken("players", [declared("/a")], ALL) == ("/a", "the service `worlds`")


@pytest.mark.parametrize("fields", [{"host": "a.example"}, {"methods": ("POST",)}])
def test_what_is_told_apart_is_no_conflict(fields: dict[str, object]) -> None:
    made = held(worlds=[declared("/a", "POST")])
    made.govern(operators("/a", **fields))
    assert made.taken("players", [declared("/a", "GET")], ALL) == ("", "")


def test_head_comes_with_get() -> None:
    made = held(worlds=[declared("/a", "GET")])
    assert made.taken("players", [declared("/a", "HEAD")], ALL)[0] == "HEAD /a"


def test_what_the_same_service_declares_is_no_conflict() -> None:
    made = held(players=[declared("/a")])
    assert made.taken("players", [declared("/{x}"), declared("/a")], ALL) == ("", "")


def test_who_may_not_register_any_more_is_in_nobodys_way() -> None:
    made = held(worlds=[declared("/a")])
    assert made.taken("players", [declared("/a")], ["players"]) == ("", "")


def test_who_declares_nothing_takes_nothing() -> None:
    made = held(worlds=[declared("/a")])
    assert made.taken("players", [], ALL) == ("", "")
    assert made.excess("players", [], []) == ""


def test_a_route_is_held_until_the_last_instance_has_left() -> None:
    made = held(worlds=[declared("/a"), declared("/a")])
    made.add("worlds", [declared("/a")])
    for left in (True, False):
        made.drop("worlds", [declared("/a"), declared("/a")])
        assert (made.taken("players", [declared("/a")], ALL)[0] == "/a") is left
    assert (made._instances, made._of_service, made._by_place) == ({}, {}, {})


def test_what_is_no_path_is_in_nobodys_way() -> None:
    made = held(worlds=[declared("/{a}/{a}")])
    assert made.taken("players", [declared("/{x}/{y}")], ALL) == ("", "")
    made.drop("worlds", [declared("/{a}/{a}")])
    assert made._instances == {}


def test_there_is_room_for_so_many_of_a_service_and_of_all() -> None:
    new = [declared("/new")]
    of_service = [declared(f"/{at}") for at in range(MOST_OF_SERVICE)]
    made = held(players=of_service)
    assert "would declare 201 routes" in made.excess("players", new, [])
    assert made.excess("players", new, of_service[:1]) == ""
    assert made.excess("players", of_service[:1], []) == ""
    assert made.excess("worlds", new, []) == ""
    made.add("players", of_service[:1])
    assert made.excess("players", new, of_service[:1]) != ""  # another declares it too
    full = Held()
    for at in range(MOST_IN_ALL):
        full.add(f"s{at % 50}", [declared(f"/{at}")])
    assert "would declare 5001 routes" in full.excess("worlds", new, [])
    assert full.excess("s0", new, [declared("/0")]) == ""
    assert full.excess("s0", [declared("/0")], []) == ""
    assert full.excess("s0", [declared("/0"), *new], [declared("/0")]) != ""


class Asked:
    """All services, and of which it was asked whether they are among these."""

    def __init__(self) -> None:
        self.names: list[object] = []

    def __contains__(self, name: object) -> bool:
        self.names.append(name)
        return True


def test_only_who_declares_what_one_wants_is_looked_at() -> None:
    made = Held()
    for at in range(1000):
        made.add(f"s{at}", [declared(f"/s{at}")])
    asked = Asked()
    assert made.taken("players", [declared("/a"), declared("/s7")], asked)[0] == "/s7"
    assert asked.names == ["s7"]


ROUTES = st.builds(
    declared,
    st.sampled_from(["/a", "/b", "/{x}", "/{y}", "/a/{r:path}"]),
    st.sampled_from(["GET", "HEAD", "POST"]),
)
STEPS = st.lists(st.tuples(st.sampled_from(ALL), st.lists(ROUTES, max_size=3)), max_size=8)


@given(steps=STEPS, gone=st.sets(st.integers(0, 7)), mine=st.lists(ROUTES, max_size=3))
def test_it_is_as_if_all_had_been_looked_at(
    steps: Sequence[tuple[str, list[Declared]]], gone: set[int], mine: list[Declared]
) -> None:
    made = Held()
    for service, routes in steps:
        made.add(service, routes)
    for at, (service, routes) in enumerate(steps):
        if at in gone:
            made.drop(service, routes)
    there = [one for at, one in enumerate(steps) if at not in gone]
    others = [one for service, routes in there if service != "players" for one in routes]
    clash = [one.name for one in mine if any(_clash(one, other) for other in others)]
    assert made.taken("players", mine, ALL)[0] == (clash[0] if clash else "")
    distinct = {(service, one) for service, routes in there for one in routes}
    assert set(made._instances) == distinct


def _clash(one: Declared, other: Declared) -> bool:
    routes = [
        Route(name=str(at), path=each.path, methods=each.methods, service="any")
        for at, each in enumerate((one, other))
    ]
    return conflicts(routes) != []
