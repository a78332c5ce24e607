from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import a_head, a_plan, a_route, an_exchange
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, RequestHead, Response
from tta_gateway.kernel.problem import MALFORMED
from tta_gateway.kernel.route import Condition, Rewrite, Route
from tta_gateway.routing.table import Destination, Table
from tta_gateway.routing.template import Segment, parse


@dataclass
class Found:
    """Where a request went: a route's name, or the status and fields of an answer of ours."""

    end: str | int
    params: dict[str, str]
    fields: Fields
    head: RequestHead
    destination: Destination


class Map:
    """A table whose routes say their names when an exchange comes to their end."""

    def __init__(self, *routes: Route) -> None:
        self.ends: list[tuple[str | int, Fields]] = []
        plans = [(route, a_plan(route=route, forward=self._says(route.name))) for route in routes]
        self.table = Table(plans, nowhere=a_plan(), answer=self._answer)

    def _says(self, name: str) -> "Said":
        return Said(self.ends, name)

    def _answer(self, _: Exchange, response: Response) -> None:
        self.ends.append((response.status, response.fields))

    def go(self, head: RequestHead) -> Found:
        destination, params = self.table.find(head)
        destination.plan.forward(an_exchange(head))
        end, fields = self.ends.pop()
        return Found(end, params, fields, head, destination)

    def get(self, target: str, host: str = "example.org") -> Found:
        return self.go(a_head("GET", target, host=host))

    def ask(self, method: str, target: str = "/a") -> Found:
        return self.go(a_head(method, target))


class Said:
    """A forwarder that says a route's name."""

    def __init__(self, ends: list[tuple[str | int, Fields]], name: str) -> None:
        self._ends = ends
        self._name = name

    def __call__(self, _: Exchange) -> None:
        self._ends.append((self._name, []))


# --- templates -----------------------------------------------------------------------------------


def test_a_literal_takes_its_own_path() -> None:
    assert Map(a_route("/players")).get("/players").end == "/players"


def test_a_name_takes_one_segment() -> None:
    assert Map(a_route("/players/{id}")).get("/players/7").params == {"id": "7"}


def test_a_name_takes_no_empty_segment() -> None:
    assert Map(a_route("/players/{id}")).get("/players/").end == 404


def test_a_name_does_not_take_two_segments() -> None:
    assert Map(a_route("/players/{id}")).get("/players/7/8").end == 404


def test_values_are_decoded() -> None:
    assert Map(a_route("/{one}/{two}")).get("/%C3%A9/b").params == {"one": "é", "two": "b"}


def test_a_tail_takes_all_that_follows() -> None:
    assert Map(a_route("/files/{rest:path}")).get("/files/a/b/").params == {"rest": "a/b/"}


def test_a_tail_takes_nothing_behind_the_slash() -> None:
    assert Map(a_route("/files/{rest:path}")).get("/files/").params == {"rest": ""}


def test_a_tail_does_not_take_the_path_without_the_slash() -> None:
    assert Map(a_route("/files/{rest:path}")).get("/files").end == 404


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/a/b", "/a/b"),
        ("/a/c", "/a/{x}"),
        ("/a/b/c", "/a/{rest:path}"),
        ("/z", "/{x}"),
        ("/z/z", "/{rest:path}"),
    ],
)
def test_the_most_specific_route_wins(path: str, end: str) -> None:
    routes = ["/{rest:path}", "/a/{rest:path}", "/a/{x}", "/{x}", "/a/b"]
    assert Map(*map(a_route, routes)).get(path).end == end


def test_a_branch_that_leads_nowhere_is_left_again() -> None:
    assert Map(a_route("/a/b"), a_route("/{x}/c")).get("/a/c").params == {"x": "a"}


def test_a_branch_is_left_again_as_often_as_it_takes() -> None:
    routes = [a_route("/a/{x}/c/d"), a_route("/a/b/c/e"), a_route("/{rest:path}")]
    assert Map(*routes).get("/a/b/c/f").end == "/{rest:path}"


def test_a_branch_whose_method_does_not_fit_is_left_again() -> None:
    routes = [a_route("/a/b", methods=("POST",)), a_route("/a/{x}")]
    assert Map(*routes).get("/a/b").end == "/a/{x}"


def test_a_literal_matches_in_its_own_case_alone() -> None:
    assert Map(a_route("/Players")).get("/players").end == 404


# --- the last slash ------------------------------------------------------------------------------


def test_the_last_slash_is_significant() -> None:
    assert Map(a_route("/a")).get("/a/").end == 404


@pytest.mark.parametrize("route", ["/a", "/a/"])
@pytest.mark.parametrize("path", ["/a", "/a/"])
def test_a_route_may_take_the_last_slash_either_way(route: str, path: str) -> None:
    assert Map(a_route(route, trailing_slash="either")).get(path).end == route


def test_a_value_never_takes_the_last_slash() -> None:
    assert Map(a_route("/a/{x}", trailing_slash="either")).get("/a/b/").params == {"x": "b"}


def test_the_root_has_one_form_whatever_the_route_says() -> None:
    assert Map(a_route("/", trailing_slash="either")).ask("OPTIONS", "*").end == 204


# --- methods -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "QUERY"])
def test_a_route_without_methods_takes_them(method: str) -> None:
    assert Map(a_route("/a")).ask(method).end == "/a"


def test_a_route_without_methods_does_not_take_trace() -> None:
    assert Map(a_route("/a")).ask("TRACE").end == 405


def test_a_route_takes_trace_where_it_names_it() -> None:
    assert Map(a_route("/a", methods=("TRACE",))).ask("TRACE").end == "/a"


def test_where_get_is_taken_so_is_head() -> None:
    assert Map(a_route("/a", methods=("GET",))).ask("HEAD").end == "/a"


def test_a_method_that_is_not_taken_is_refused() -> None:
    assert Map(a_route("/a", methods=("GET",))).ask("POST").end == 405


def test_a_refused_method_is_told_which_are_taken() -> None:
    found = Map(a_route("/a", methods=("GET",)), a_route("/{x}", methods=("PUT",))).ask("POST")
    assert found.fields == [(b"allow", b"GET, HEAD, OPTIONS, PUT")]


def test_options_is_answered_where_no_route_takes_it() -> None:
    found = Map(a_route("/a", methods=("PUT",))).ask("OPTIONS")
    assert (found.end, found.fields) == (204, [(b"allow", b"OPTIONS, PUT")])


def test_options_of_a_path_that_nobody_takes_is_not_found() -> None:
    assert Map(a_route("/a")).ask("OPTIONS", "/b").end == 404


def test_options_of_the_whole_server_is_answered() -> None:
    found = Map(a_route("/{rest:path}")).ask("OPTIONS", "*")
    assert (found.end, found.fields) == (
        204,
        [(b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE")],
    )


def test_routes_of_one_path_are_told_apart_by_their_methods() -> None:
    routes = [
        a_route("/a", name="any"),
        a_route("/a", name="get", methods=("GET",)),
        a_route("/a", name="put", methods=("PUT",)),
    ]
    ends = [Map(*routes).ask(method).end for method in ("GET", "PUT", "POST")]
    assert ends == ["get", "put", "any"]


# --- conditions ----------------------------------------------------------------------------------

BETA = a_route("/a", name="beta", conditions=(Condition(name="X-Beta"),))
ON = a_route("/a", name="on", conditions=(Condition(name="x-beta", value="on"),))
BOTH = a_route(
    "/a", name="both", conditions=(Condition(name="x-beta"), Condition(name="x-two", value="2"))
)


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ([], "plain"),
        ([(b"x-other", b"1")], "plain"),
        ([(b"x-beta", b"off")], "beta"),
        ([(b"x-beta", b"on")], "on"),
        ([(b"x-beta", b"off"), (b"x-two", b"2")], "both"),
        ([(b"x-two", b"2")], "plain"),
    ],
)
def test_of_the_routes_of_one_path_the_one_that_demands_more_is_first(
    fields: Fields, end: str
) -> None:
    routes = [a_route("/a", name="plain"), BETA, ON, BOTH]
    assert Map(*routes).go(a_head("GET", "/a", fields=fields)).end == end


def test_a_path_whose_conditions_do_not_hold_is_not_found() -> None:
    assert Map(BETA).get("/a").end == 404


def test_a_path_whose_conditions_hold_for_another_method_is_refused_by_method() -> None:
    routes = [BETA, a_route("/a", name="put", methods=("PUT",))]
    assert Map(*routes).ask("TRACE").end == 405


# --- hosts ---------------------------------------------------------------------------------------

HOSTS = [
    a_route("/a", name="own", host="api.example.org"),
    a_route("/a", name="below", host="*.example.org"),
    a_route("/a", name="deeper", host="*.eu.example.org"),
    a_route("/a", name="six", host="[2001:db8::1]"),
    a_route("/a", name="any"),
]


@pytest.mark.parametrize(
    ("host", "end"),
    [
        ("api.example.org", "own"),
        ("API.Example.ORG", "own"),
        ("api.example.org:8080", "own"),
        ("api.example.org:", "own"),
        ("api.example.org.", "own"),
        ("www.example.org", "below"),
        ("www.example.org:443", "below"),
        ("a.b.example.org", "below"),
        ("x.eu.example.org", "deeper"),
        ("example.org", "any"),
        ("badexample.org", "any"),
        ("[2001:db8::1]", "six"),
        ("[2001:db8::1]:8080", "six"),
        ("[2001:db8::2]", "any"),
        ("", "any"),
    ],
)
def test_the_most_specific_host_is_searched_first(host: str, end: str) -> None:
    assert Map(*HOSTS).get("/a", host=host).end == end


def test_a_path_that_a_host_does_not_have_is_looked_for_among_those_of_every_host() -> None:
    routes = [a_route("/a", host="api.example.org"), a_route("/b", name="any")]
    assert Map(*routes).get("/b", host="api.example.org").end == "any"


def test_a_host_s_routes_are_not_taken_for_another() -> None:
    assert Map(a_route("/a", host="api.example.org")).get("/a", host="example.org").end == 404


def test_routes_of_one_wildcard_stand_together() -> None:
    routes = [a_route("/a", host="*.example.org"), a_route("/b", host="*.EXAMPLE.org")]
    table = Map(*routes)
    assert [table.get(path, host="x.example.org").end for path in ("/a", "/b")] == ["/a", "/b"]


# --- unusual paths -------------------------------------------------------------------------------


def test_what_was_matched_is_what_the_service_sees() -> None:
    found = Map(a_route("/a/{x}")).get("/z/../a/%41?q=%41")
    assert (found.head.path, found.head.target) == (b"/a/A", b"/a/A?q=%41")


def test_a_path_without_a_query_gets_none() -> None:
    assert Map(a_route("/a/{x}")).get("/a/%41").head.target == b"/a/A"


def test_a_path_that_leaves_the_root_is_refused() -> None:
    assert Map(a_route("/{rest:path}", allow_encoded=True)).get("/../etc").end == 400


@pytest.mark.parametrize("path", ["/a//b", "/a%2Fb", "/a\\b", "/a;b", "/a%00"])
def test_an_ambiguous_path_is_refused(path: str) -> None:
    assert Map(a_route("/{rest:path}")).get(path).end == 400


@pytest.mark.parametrize("path", ["/a//b", "/a%2Fb", "/a\\b", "/a;b", "/a%00"])
def test_an_ambiguous_path_is_taken_where_the_route_allows_it(path: str) -> None:
    assert Map(a_route("/{rest:path}", name="r", allow_encoded=True)).get(path).end == "r"


def test_an_ambiguous_path_that_nobody_takes_is_refused() -> None:
    assert Map(a_route("/a", allow_encoded=True)).get("/b//c").end == 400


def test_a_dotted_name_is_no_dot_segment() -> None:
    assert Map(a_route("/.well-known/{x}")).get("/.well-known/jwks.json").params == {
        "x": "jwks.json"
    }


# --- what the service sees -----------------------------------------------------------------------


def seen(path: str, rewrite: Rewrite, asked: str, **changes: object) -> bytes | None:
    found = Map(a_route(path, rewrite=rewrite, **changes)).get(asked)
    return found.destination.upstream_path(found.params, found.head.path)


def test_the_service_sees_the_path_that_was_matched() -> None:
    assert seen("/a/{x}", Rewrite(), "/a/b") is None


def test_a_path_is_rewritten_with_its_values_still_encoded() -> None:
    rewrite = Rewrite(path="/v1/{y}/of/{x}")
    assert seen("/a/{x}/{y}", rewrite, "/a/b%20c/%C3%A9") == b"/v1/%C3%A9/of/b%20c"


def test_a_tail_is_rewritten_whole() -> None:
    assert seen("/a/{rest:path}", Rewrite(path="/{rest}"), "/a/b/c/") == b"/b/c/"


def test_a_path_is_rewritten_to_a_fixed_one() -> None:
    assert seen("/a", Rewrite(path="/b"), "/a") == b"/b"


def test_a_path_with_its_slash_the_other_way_is_rewritten_the_same() -> None:
    rewrite = Rewrite(path="/b/{x}")
    assert seen("/a/{x}", rewrite, "/a/7/", trailing_slash="either") == b"/b/7"


@pytest.mark.parametrize(
    ("asked", "path"),
    [("/api/a", b"/a"), ("/api/", b"/"), ("/api/a/b/", b"/a/b/"), ("/apix/a", None)],
)
def test_a_prefix_is_stripped_in_whole_segments(asked: str, path: bytes | None) -> None:
    assert seen("/{rest:path}", Rewrite(strip_prefix="/api"), asked) == path


def test_a_prefix_that_is_all_of_the_path_leaves_the_root() -> None:
    assert seen("/api", Rewrite(strip_prefix="/api"), "/api") == b"/"


# --- what no route takes -------------------------------------------------------------------------


def test_a_request_that_could_not_be_read_is_answered_with_its_error() -> None:
    table = Map()
    exchange = an_exchange()
    exchange.error = ClientFault(MALFORMED)
    table.table.malformed.plan.forward(exchange)
    assert table.ends == [(400, [])]


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("GET", "/b", "404 routing_not_found"),
        ("GET", "/b//c", "400 routing_path_refused"),
        ("POST", "/a", "405 routing_method_not_allowed, Allow: GET, HEAD, OPTIONS"),
        ("OPTIONS", "/a", "204, Allow: GET, HEAD, OPTIONS"),
    ],
)
def test_what_no_route_takes_is_explained_in_a_word(method: str, path: str, word: str) -> None:
    assert Map(a_route("/a", methods=("GET",))).ask(method, path).destination.word == word


# --- against a naive matcher ---------------------------------------------------------------------

LITERAL, ANY, TAIL = 0, 1, 2
NAMED = ("GET", "PUT", "HEAD")


def kinds(segments: Sequence[Segment], parts: Sequence[str]) -> list[int] | None:
    """Return how specific a template is, segment by segment, on a path that it matches."""
    found: list[int] = []
    for index, segment in enumerate(segments):
        if segment.tail:
            return [*found, TAIL] if len(parts) > index else None
        if index >= len(parts):
            return None
        if segment.name and not parts[index]:
            return None
        if not segment.name and segment.literal.decode() != parts[index]:
            return None
        found.append(ANY if segment.name else LITERAL)
    return found if len(segments) == len(parts) else None


def templates(route: Route) -> list[tuple[Segment, ...]]:
    other = route.path.removesuffix("/") if route.path.endswith("/") else route.path + "/"
    either = route.trailing_slash == "either" and ":path" not in route.path and route.path != "/"
    return [parse(route.path), parse(other)] if either else [parse(route.path)]


def host_rank(route: Route, host: str) -> int | None:
    """Return how specific a route's host is, smaller is more; None if it is another's."""
    if not route.host:
        return 1
    if route.host == host:
        return -1000
    below = route.host.startswith("*.") and host.endswith(route.host[1:])
    return -len(route.host) if below else None


def taken_methods(route: Route) -> set[str]:
    named = set(route.methods)
    return named | {"HEAD"} if "GET" in named else named


def naive(routes: Sequence[Route], method: str, path: str, host: str, fields: set[str]) -> object:
    """Return the end of a request, by looking at every route."""
    parts = path.split("/")[1:]
    matching = [
        ((rank, found), route)
        for route in routes
        for template in templates(route)
        if (found := kinds(template, parts)) is not None
        if (rank := host_rank(route, host)) is not None
    ]
    fitting = [
        (*key, -len(route.conditions), not route.methods, routes.index(route), route.name)
        for key, route in matching
        if method in (taken_methods(route) or {method} - {"TRACE"})
        if all(one.name in fields for one in route.conditions)
    ]
    if fitting:
        return min(fitting)[-1]
    allowed = set[str]().union(
        *(
            taken_methods(route) or {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
            for _, route in matching
        )
    )
    if not allowed or method in allowed:
        return 404
    return 204 if method == "OPTIONS" else 405


@st.composite
def paths(draw: st.DrawFn) -> str:
    literal = st.sampled_from(["a", "b"])
    shape = draw(st.lists(st.one_of(literal, st.just("{}")), max_size=3))
    named = [part.replace("{}", f"{{p{index}}}") for index, part in enumerate(shape)]
    end = draw(st.sampled_from(["", "", "/", "/{rest:path}"]))
    return ("/" + "/".join(named) if named else "") + end or "/"


@st.composite
def route_sets(draw: st.DrawFn) -> list[Route]:
    count = draw(st.integers(1, 8))
    return [
        a_route(
            draw(paths()),
            name=f"route {number}",
            host=draw(st.sampled_from(["", "", "x.org", "*.org", "*.x.org"])),
            methods=tuple(draw(st.lists(st.sampled_from(NAMED), max_size=2, unique=True))),
            conditions=tuple(
                Condition(name=name)
                for name in draw(st.lists(st.sampled_from(["c", "d"]), max_size=2, unique=True))
            ),
            trailing_slash=draw(st.sampled_from(["strict", "either"])),
        )
        for number in range(count)
    ]


ASKED = st.tuples(
    st.sampled_from(["GET", "PUT", "HEAD", "POST", "OPTIONS", "TRACE"]),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=4).flatmap(
        lambda parts: st.sampled_from(["/" + "/".join(parts), "/" + "/".join([*parts, ""])])
    ),
    st.sampled_from(["x.org", "y.org", "y.x.org", "z"]),
    st.sets(st.sampled_from(["c", "d"])),
)


@given(routes=route_sets(), asked=st.lists(ASKED, min_size=1, max_size=6))
def test_the_table_finds_what_a_look_at_every_route_finds(
    routes: list[Route], asked: list[tuple[str, str, str, set[str]]]
) -> None:
    table = Map(*routes)
    cases = [case for case in asked if "//" not in case[1]]
    ends = [
        table.go(
            a_head(method, path, host=host, fields=[(name.encode(), b"1") for name in fields])
        ).end
        for method, path, host, fields in cases
    ]
    assert ends == [naive(routes, *case) for case in cases]


def test_a_path_without_parameters_is_found_at_once_and_as_ever() -> None:
    """The second time by its whole path: whatever else might take it, and whichever method."""
    map = Map(
        a_route("/a/b", methods=("GET",)), a_route("/a/{x}", methods=("POST",)), a_route("/a")
    )
    for _ in range(2):
        assert map.ask("GET", "/a/b").end == "/a/b"
        assert map.ask("POST", "/a/b").end == "/a/{x}"
        assert map.ask("HEAD", "/a/b?x=1").end == "/a/b"
        assert map.ask("DELETE", "/a/b").end == 405
        assert map.ask("GET", "/a").end == "/a"
        assert map.ask("GET", "/a/").end == 404
        assert map.ask("GET", "/a//b").end == 400
