"""Declared routes: what may be said, and whose a route is of all who say it."""

import random
import tracemalloc
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.kernel.registered import REGISTRATION, Allowed, Claim, Declared, Refused
from tta_gateway.kernel.route import Auth, Breaker, Maintenance, Route
from tta_gateway.routing.conflict import conflicts
from tta_gateway.routing.declared import (
    MOST,
    MOST_IN_ALL,
    MOST_OF_SERVICE,
    Settled,
    covers,
    objection,
    route_of,
    settled,
)

LIKE = Route(
    name="/",
    path="/",
    service="players",
    maintenance=Maintenance(text="wait"),
    breaker=Breaker(failures=5),
)
ALLOWED = Allowed(routes=("/api/v1/players/", "/own"), auth_none=True)
ANY = Allowed(routes=("/",), auth_none=True)
SURE = Allowed(routes=("/",), believed=True)
BOTH = Allowed(routes=("/",), auth_none=True, believed=True)


def open_to_all(path: str, *methods: str) -> Declared:
    return Declared(path=path, methods=methods, auth="none")


def a_claim(
    *routes: Declared,
    service: str = "players",
    id: str = "a",
    source: str = REGISTRATION,
    since: float = 1.0,
    allowed: Allowed | None = None,
) -> Claim:
    return Claim(source=source, service=service, id=id, since=since, routes=routes, allowed=allowed)


def operators(path: str, **fields: object) -> tuple[Route, ...]:
    return (Route(name=path, path=path, service="other", **fields),)  # type: ignore[arg-type]


def paths(found: Settled) -> list[tuple[str, str]]:
    return [(one.service, one.path) for one in found.routes]


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


@pytest.mark.parametrize("allowed", [ALLOWED, None])
def test_what_is_below_the_prefixes_may_be_declared(allowed: Allowed | None) -> None:
    routes = [open_to_all("/api/v1/players/{id}/{rest:path}"), open_to_all("/own")]
    assert objection(routes, allowed) is None


@pytest.mark.parametrize(
    ("route", "allowed", "kind", "words"),
    [
        (open_to_all("/a/%2e%2e/b"), ANY, "written", "without escapes"),
        (open_to_all("a"), ANY, "written", "begins with"),
        (open_to_all("/a/../b"), None, "written", "neither"),
        (open_to_all("/a//b"), ANY, "written", "never matches"),
        (Declared(path="?", fault="is no route"), ANY, "written", "`?`: is no route"),
        (open_to_all("/api/v1/worlds"), ALLOWED, "place", "below none of its prefixes"),
        (Declared(path="/own"), ALLOWED, "guarded", "asks for an access token (`auth: required`)"),
        (Declared(path="/own", auth="optional"), ALLOWED, "guarded", "write `identity: {issuers"),
        (open_to_all("/own"), Allowed(routes=("/own",)), "open", "let everybody in"),
        (open_to_all("/own"), SURE, "open", "(`auth_none: true`)"),
        (Declared(path="/own", auth="optional"), SURE, "open", "whoever shows no token"),
    ],
)
def test_anything_else_may_not(
    route: Declared, allowed: Allowed | None, kind: str, words: str
) -> None:
    found = objection([route], allowed)
    assert found is not None
    assert (found.kind, words in found.reason) == (kind, True)


@pytest.mark.parametrize(
    ("auth", "allowed"),
    [("required", SURE), ("required", BOTH), ("optional", BOTH), ("none", BOTH), ("none", ANY)],
)
def test_whom_a_route_lets_in_is_what_it_says_where_that_may_be(
    auth: Auth, allowed: Allowed
) -> None:
    claim = a_claim(Declared(path="/a", auth=auth), source="etcd", allowed=allowed)
    (route,) = settled([claim], (), {"players": LIKE}).routes
    assert route.auth == auth
    assert objection(claim.routes, allowed) is None


def test_what_says_nothing_asks_for_a_token() -> None:
    (route,) = settled([a_claim(Declared(path="/a"), allowed=BOTH)], (), {}).routes
    assert route.auth == "required"


@pytest.mark.parametrize("auths", list(permutations(("none", "optional", "required"), 2)))
def test_of_what_instances_of_a_service_say_the_stricter_counts(auths: tuple[Auth, Auth]) -> None:
    """Red with the older one believed, in routing/declared.py."""
    old, new = auths
    claims = [
        a_claim(Declared(path="/{x}", methods=("GET", "POST"), auth=old), id="v1", since=1.0),
        a_claim(Declared(path="/{y}", methods=("GET",), auth=new), id="v2", since=2.0),
    ]
    stricter = "required" if "required" in auths else "optional"
    (route,) = settled(claims, (), {}).routes
    assert (route.path, route.methods, route.auth) == ("/{x}", ("GET", "POST"), stricter)
    (route,) = settled(claims[:1], (), {}).routes
    assert route.auth == old


def test_methods_that_only_one_instance_declares_are_let_in_as_it_says() -> None:
    claims = [
        a_claim(Declared(path="/a", methods=("GET",)), id="v1", since=1.0),
        a_claim(open_to_all("/a", "GET", "POST"), id="v2", since=2.0),
    ]
    found = settled(claims, (), {})
    assert [(one.methods, one.auth) for one in found.routes] == [
        (("GET",), "required"),
        (("POST",), "none"),
    ]


def test_no_instance_fills_the_table() -> None:
    found = objection([open_to_all("/own")] * (MOST + 1), ALLOWED)
    assert found is not None
    assert (found.kind, "101 routes" in found.reason) == ("written", True)
    many = settled([a_claim(*(open_to_all(f"/{at}") for at in range(MOST + 1)))], (), {})
    assert (many.routes, len(many.refused)) == ((), 1)
    assert "101 routes" in many.refused[0].reason


def test_routes_come_of_what_is_declared() -> None:
    found = settled([a_claim(open_to_all("/a", "GET", "POST"))], (), {"players": LIKE})
    (route,) = found.routes
    assert (route.name, route.path, route.methods) == ("GET,POST /a", "/a", ("GET", "POST"))
    assert (route.service, route.auth, route.internal) == ("players", "none", False)
    assert (route.maintenance, route.breaker) == (Maintenance(text="wait"), Breaker(failures=5))
    assert found.had == ((REGISTRATION, "players", "GET,POST /a"),)
    assert route_of("players", open_to_all("/a")).name == "/a"


def test_what_several_instances_declare_is_one_route_whoever_tells_of_it() -> None:
    claims = [a_claim(open_to_all("/a"), id=name) for name in "abc"]
    claims += [a_claim(open_to_all("/a"), source="consul", allowed=ANY)]
    found = settled(claims, (), {})
    assert paths(found) == [("players", "/a")]
    assert found.had == ((REGISTRATION, "players", "/a"), ("consul", "players", "/a"))
    assert found.refused == ()


def test_of_what_an_instance_declares_only_what_is_wrong_is_refused() -> None:
    routes = open_to_all("/own"), open_to_all("/else"), Declared(path="/own/a")
    found = settled([a_claim(*routes, source="etcd", allowed=ALLOWED)], (), {})
    assert paths(found) == [("players", "/own")]
    assert [(one.source, one.service, one.route) for one in found.refused] == [
        ("etcd", "players", "/else"),
        ("etcd", "players", "/own/a"),
    ]
    assert "none of its prefixes" in found.refused[0].reason
    assert "the gateway believes none" in found.refused[1].reason


@pytest.mark.parametrize("fields", [{}, {"methods": ("GET",)}, {"trailing_slash": "either"}])
def test_the_operators_route_wins(fields: dict[str, object]) -> None:
    own = operators("/a", **fields)
    found = settled([a_claim(open_to_all("/a"), open_to_all("/b"))], own, {})
    assert paths(found) == [("players", "/b")]
    reason = "`/a` belongs to the operator, by the route `/a`"
    expected = Refused(source=REGISTRATION, service="players", route="/a", reason=reason)
    assert found.refused == (expected,)


@pytest.mark.parametrize("fields", [{"host": "a.example"}, {"methods": ("POST",)}])
def test_what_is_told_apart_is_no_conflict(fields: dict[str, object]) -> None:
    own = operators("/a", **fields)
    assert len(settled([a_claim(open_to_all("/a", "GET"))], own, {}).routes) == 1


def test_of_two_that_register_the_older_has_the_route() -> None:
    old = a_claim(open_to_all("/a"), service="worlds", id="z", since=1.0)
    new = a_claim(open_to_all("/{x}"), open_to_all("/a"), since=2.0)
    found = settled([new, old], (), {})
    assert paths(found) == [("worlds", "/a"), ("players", "/{x}")]
    assert [one.reason for one in found.refused] == ["`/a` belongs to the service `worlds`"]


def test_who_registers_comes_before_registries_and_these_by_their_names() -> None:
    ranked = (
        (REGISTRATION, "z", 9.0),
        ("consul", "x", 0.0),
        ("consul", "y", 0.0),
        ("etcd", "w", 0.0),
        ("kubernetes", "a", 0.0),
    )
    claims = [
        a_claim(open_to_all("/a"), source=source, service=service, since=since, allowed=ANY)
        for source, service, since in ranked
    ]
    while claims:
        service = claims[0].service
        found = settled(reversed(claims), (), {})
        assert paths(found) == [(service, "/a")]
        assert {one.reason for one in found.refused} <= {f"`/a` belongs to the service `{service}`"}
        assert len(found.refused) == len(claims) - 1
        del claims[0]


def test_what_is_refused_takes_nothing_from_others() -> None:
    one = a_claim(Declared(path="/a"), source="consul", service="a", allowed=ANY)
    other = a_claim(open_to_all("/a"), source="etcd", service="b", allowed=ANY)
    assert paths(settled([one, other], (), {})) == [("b", "/a")]


def test_who_has_lost_a_route_takes_none_from_a_third() -> None:
    own = operators("/a", methods=("GET",))
    claims = [
        a_claim(open_to_all("/a", "GET", "POST"), since=1.0),
        a_claim(open_to_all("/a", "POST"), service="worlds", since=2.0),
    ]
    assert paths(settled(claims, own, {})) == [("worlds", "/a")]


SOME = st.lists(
    st.builds(
        lambda service, id, source, since, path: a_claim(
            open_to_all(path),
            service=service,
            id=id,
            source=source,
            since=since if source == REGISTRATION else 0.0,
            allowed=ANY,
        ),
        st.sampled_from(["players", "worlds", "chat"]),
        st.sampled_from("abc"),
        st.sampled_from([REGISTRATION, "consul", "etcd"]),
        st.sampled_from([1.0, 2.0, 3.0]),
        st.sampled_from(["/a", "/{x}", "/a/b", "/{y}", "/mine"]),
    ),
    max_size=8,
    unique_by=lambda one: (one.source, one.service, one.id),
)


@given(SOME, st.randoms())
def test_all_nodes_come_to_the_same_each_path_has_one_service_and_each_claim_an_answer(
    some: list[Claim], order: random.Random
) -> None:
    own = operators("/mine")
    found = settled(some, own, {})
    order.shuffle(some)
    assert settled(some, own, {}) == found
    shapes = ["/{}" if one.path in ("/{x}", "/{y}") else one.path for one in found.routes]
    assert len(set(shapes)) == len(shapes)
    assert "/mine" not in shapes
    told = {(one.source, one.service, one.route) for one in found.refused}
    assert told.isdisjoint(found.had)
    assert told | set(found.had) == {(one.source, one.service, one.routes[0].name) for one in some}
    of_registered = {
        one.service for one in some if one.source == REGISTRATION and one.routes[0].path == "/a"
    }
    if of_registered:
        assert {one.service for one in found.routes if one.path == "/a"} <= of_registered


METHODS = st.lists(st.sampled_from(["GET", "HEAD", "POST", "PUT"]), unique=True).map(tuple)
ROUTES = st.lists(
    st.builds(
        lambda path, methods: open_to_all(path, *methods),
        st.sampled_from(["/a", "/a/", "/{x}", "/{y}", "/{r:path}"]),
        METHODS,
    ),
    max_size=8,
)
OPERATORS = st.lists(
    st.builds(
        lambda path, methods, host, slash: Route(
            name=path, path=path, methods=methods, host=host, trailing_slash=slash
        ),
        st.sampled_from(["/a", "/{x}", "/b"]),
        METHODS,
        st.sampled_from(["", "a.example"]),
        st.sampled_from(["strict", "either"]),
    ),
    max_size=4,
)
ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


def by_pairs(own: list[Route], wanted: list[Route]) -> set[tuple[str, str]]:
    """Which services' routes are lost, and to whom, where every pair of all is looked at."""
    both = [
        Route(
            name=one.name,
            path=one.path,
            host=one.host,
            methods=one.methods or ALL,
            trailing_slash=one.trailing_slash,
        )
        for one in (*own, *wanted)
    ]
    lost: dict[int, int] = {}
    for other in range(len(own), len(both)):
        for one in range(other):
            if one not in lost and other not in lost and conflicts([both[one], both[other]]):
                lost[other] = one
    return {
        (
            wanted[other - len(own)].service,
            f"the operator, by the route `{own[one].name}`"
            if one < len(own)
            else f"the service `{wanted[one - len(own)].service}`",
        )
        for other, one in lost.items()
    }


@given(OPERATORS, ROUTES)
def test_who_loses_is_who_would_if_every_pair_were_looked_at(
    own: list[Route], declared: list[Declared]
) -> None:
    claims = [a_claim(one, service=f"s{at}", since=at) for at, one in enumerate(declared)]
    found = settled(claims, own, {})
    wanted = [route_of(f"s{at}", one) for at, one in enumerate(declared)]
    told = {(one.service, one.reason.partition(" belongs to ")[2]) for one in found.refused}
    assert told == by_pairs(own, wanted)


def test_what_an_older_version_of_the_service_has_already_is_no_conflict() -> None:
    old = a_claim(open_to_all("/{x}", "GET"), id="v1", since=1.0)
    new = a_claim(open_to_all("/{y}", "GET", "POST"), id="v2", since=2.0)
    found = settled([new, old], (), {})
    assert [(one.path, one.methods) for one in found.routes] == [
        ("/{x}", ("GET",)),
        ("/{y}", ("POST",)),
    ]
    assert found.had == (
        (REGISTRATION, "players", "GET /{x}"),
        (REGISTRATION, "players", "GET,POST /{y}"),
    )
    assert found.refused == ()
    gone = settled([new], (), {})
    assert [(one.path, one.methods) for one in gone.routes] == [("/{y}", ("GET", "POST"))]


def test_what_names_no_methods_takes_what_its_other_versions_leave() -> None:
    named, every = open_to_all("/a", "GET"), open_to_all("/a")
    one_by_one = settled([a_claim(named, every)], (), {})
    assert [one.methods for one in one_by_one.routes] == [("GET",), ()]
    assert [one.methods for one in settled([a_claim(every, named)], (), {}).routes] == [()]


def test_who_wants_more_than_its_other_version_has_gets_none_of_it_from_others() -> None:
    claims = [
        a_claim(open_to_all("/a", "GET"), since=1.0),
        a_claim(open_to_all("/a", "POST"), service="worlds", since=2.0),
        a_claim(open_to_all("/a", "GET", "POST"), id="v2", since=3.0),
    ]
    found = settled(claims, (), {})
    assert [(one.service, one.methods) for one in found.routes] == [
        ("players", ("GET",)),
        ("worlds", ("POST",)),
    ]
    assert [one.reason for one in found.refused] == [
        "`GET,POST /a` belongs to the service `worlds`"
    ]


def many(instances: int, service: str = "players", **fields: float) -> list[Claim]:
    """Claims of one service, each of other routes."""
    return [
        a_claim(
            *(open_to_all(f"/{service}/{at}/{{p{number}}}/{number}") for number in range(MOST)),
            service=service,
            id=f"{at:05}",
            **fields,  # type: ignore[arg-type]
        )
        for at in range(instances)
    ]


def test_no_service_fills_the_table_however_many_its_instances_are() -> None:
    claims = many(30)
    found = settled(claims, (), {})
    assert len(found.routes) == MOST_OF_SERVICE
    assert found == settled(claims[::-1], (), {})
    assert [one.route for one in found.refused] == [claims[2].routes[0].name]
    assert "more than the 200 routes" in found.refused[0].reason


def test_of_routes_that_nothing_tells_apart_no_pair_is_kept() -> None:
    routes = [open_to_all(f"/a/{{p{at}}}") for at in range(MOST)]
    claims = [a_claim(*routes, service=f"s{at}", since=at) for at in range(10)]
    tracemalloc.start()
    try:
        found = settled(claims, (), {})
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 16 * 1024 * 1024  # the half million pairs were over 200 MB
    assert [(one.service, one.path) for one in found.routes] == [("s0", "/a/{p0}")]
    assert len(found.had) == MOST
    assert {one.reason.partition(" belongs to ")[2] for one in found.refused} == {
        "the service `s0`"
    }


def test_all_services_together_do_not_fill_the_table_without_end() -> None:
    claims = [one for at in range(30) for one in many(2, f"s{at:02}", since=at)]
    found = settled(claims, (), {})
    assert len(found.routes) == MOST_IN_ALL
    assert [one.service for one in found.refused] == [f"s{at}" for at in range(25, 30)]
    assert "more than the 5000 routes" in found.refused[0].reason
    assert found == settled(claims[::-1], (), {})
