"""Every error that the gateway answers on a therapeutic route says where help is; others do not."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import a_head, a_plan, a_route, an_exchange, answered, from_upstream
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.policy import Problem as Wording
from tta_gateway.features.safety.bound import Line, Region, RouteSafety, SafetyBound
from tta_gateway.features.safety.care import Care
from tta_gateway.features.safety.help import Helping
from tta_gateway.features.safety.metrics import HELPS
from tta_gateway.kernel.crisis import SUPPORT
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import RequestHead, Response, answer_of
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.problem import FIELDS_TOO_LARGE, NOT_FOUND, Problem
from tta_gateway.kernel.route import Route
from tta_gateway.node.reference import problems
from tta_gateway.support.metrics import Registry

LINE = Line(name="Lifeline", call="988")
REGIONS = {
    "US": Region(emergency="911", lines=(LINE,)),
    "GB": Region(emergency="999", lines=(Line(name="Samaritans", call="116 123"),)),
}
QUIET = RouteSafety(mode="off", helps=False)


def a_care(registry: Registry | None = None) -> Care:
    return Care(Helping(SafetyBound(regions=REGIONS)), registry=registry or Registry())


def saying(says: RouteSafety, path: str = "/a", **changes: object) -> Route:
    raw = msgspec.Raw(msgspec.msgpack.encode(says))
    return a_route(path, features={"safety": raw}, **changes)


def told(care: Care, route: Route | None, response: Response, target: str = "/a") -> Exchange:
    """Let an answer leave by way of care, and of the wording, where both act."""
    plan = a_plan([Wording(ProblemBound()), care], route=route)
    exchange = answered(an_exchange(a_head("GET", target), plan=plan), response)
    for _, step in plan.response:
        assert step(exchange) is None
    return exchange


def help_in(response: Response) -> object:
    return msgspec.json.decode(response.body or b"{}").get("help")


def test_an_error_says_where_help_is() -> None:
    response = answer_of(NOT_FOUND)
    told(a_care(), a_route("/a"), response)
    assert response.get(SUPPORT) == b'available; url="https://findahelpline.com"'
    card = help_in(response)
    assert isinstance(card, dict)
    assert (card["level"], card["resources"][0]["name"]) == (0, "Find A Helpline")


def test_the_region_is_the_route_s() -> None:
    response = answer_of(NOT_FOUND)
    told(a_care(), saying(RouteSafety(region="GB")), response)
    assert b'emergency="999"' in (response.get(SUPPORT) or b"")


def test_further_members_of_an_error_stay() -> None:
    response = answer_of(NOT_FOUND)
    members: dict[str, object] = {"violated-policies": ["a"]}
    response.members = members
    told(a_care(), a_route("/a"), response)
    assert msgspec.json.decode(response.body or b"")["violated-policies"] == ["a"]
    assert members == {"violated-policies": ["a"]}


def test_a_field_that_is_there_is_not_given_twice() -> None:
    response = answer_of(NOT_FOUND)
    response.fields.append((SUPPORT, b"available"))
    told(a_care(), a_route("/a"), response)
    assert [value for name, value in response.fields if name == SUPPORT] == [b"available"]


@pytest.mark.parametrize(
    ("route", "response"),
    [
        (a_route("/a"), Response(200)),
        (a_route("/a"), Response(308)),
        (a_route("/a"), from_upstream(500)),
        (saying(QUIET), answer_of(NOT_FOUND)),
    ],
)
def test_no_other_answer_is_touched(route: Route, response: Response) -> None:
    told(a_care(), route, response)
    assert response.get(SUPPORT) is None


def test_who_has_no_answer_is_told_nothing() -> None:
    bound = a_care().for_route(a_route("/a"))
    assert bound is not None
    bound.on_response(an_exchange())


def test_an_operator_s_own_words_stay_as_they_are() -> None:
    response = Response(503, [], b"closed")
    told(a_care(), a_route("/a"), response)
    assert (response.get(SUPPORT) is not None, response.body) == (True, b"closed")
    assert response.get(b"cache-control") == b"no-store"


def test_how_long_it_may_be_kept_is_the_operator_s_to_say() -> None:
    response = Response(503, [(b"cache-control", b"max-age=5")], b"closed")
    told(a_care(), a_route("/a"), response)
    assert [value for name, value in response.fields if name == b"cache-control"] == [b"max-age=5"]


def test_what_control_answers_is_the_gateway_s_own_too() -> None:
    response = from_upstream(401, [(b"content-type", b"application/problem+json")])
    response.body = b'{"code":"login_failed"}'
    told(a_care(), a_route("/a", service=OWN), response)
    assert isinstance(help_in(response), dict)
    assert response.length == len(response.body)


def test_under_the_path_of_a_therapeutic_route_who_misses_it_is_helped() -> None:
    care = a_care()
    care.for_route(saying(RouteSafety(region="GB"), "/players/{id}"))
    care.for_route(saying(QUIET, "/status"))
    care.for_route(saying(RouteSafety(), "/internal", internal=True))
    found = {
        target: told(care, None, answer_of(NOT_FOUND), target).response
        for target in ("/players/7/none", "/players/7", "/players", "/status", "/internal")
    }
    helped = [target for target, one in found.items() if one is not None and one.get(SUPPORT)]
    assert helped == ["/players/7/none", "/players/7"]
    assert b'emergency="999"' in (found["/players/7"].get(SUPPORT) or b"")  # type: ignore[union-attr]


@pytest.mark.parametrize("has_routes", [True, False])
def test_who_could_not_be_read_may_have_been_in_need(*, has_routes: bool) -> None:
    care = a_care()
    if has_routes:
        care.for_route(saying(RouteSafety(), "/a"))
    plan = a_plan([care])
    exchange = answered(an_exchange(RequestHead(1), plan=plan), answer_of(FIELDS_TOO_LARGE))
    for _, step in plan.response:
        step(exchange)
    assert exchange.response is not None
    assert (exchange.response.get(SUPPORT) is not None) is has_routes


def test_what_is_no_error_is_not_touched_where_no_route_is() -> None:
    care = a_care()
    care.for_route(a_route("/a"))
    response = told(care, None, Response(204)).response
    assert response is not None
    assert response.get(SUPPORT) is None


def test_help_is_counted_by_kind() -> None:
    registry = Registry()
    care = a_care(registry)
    told(care, a_route("/a"), answer_of(NOT_FOUND))
    told(care, a_route("/a"), Response(503, [], b"closed"))
    told(care, a_route("/a"), Response(503, [], b"closed"))
    found = {labels: cells[0] for metric, labels, cells in registry.collect() if metric == HELPS}
    assert found == {("error_card",): 1.0, ("error_field",): 2.0}


def test_it_says_what_it_does() -> None:
    care = a_care()
    both = [care.for_route(None), care.for_route(a_route("/a"))]
    assert ["help" in one.explain() for one in both if one is not None] == [True, True]


@given(
    st.sampled_from(problems()),
    st.booleans(),
    st.binary(max_size=60),
    st.sampled_from(["/a", "/a/b", "/a/%41", "/a/b/c"]),
)
def test_no_error_on_a_therapeutic_route_or_under_it_is_bare(
    kind: Problem, on_route: bool, language: bytes, target: str
) -> None:
    care = a_care()
    route = saying(RouteSafety(), "/a")
    care.for_route(route)
    head = a_head("POST", target, fields=[(b"accept-language", language)])
    plan = a_plan([Wording(ProblemBound()), care], route=route if on_route else None)
    response = answer_of(kind)
    exchange = answered(an_exchange(head, plan=plan), response)
    for _, step in plan.response:
        assert step(exchange) is None
    assert (response.get(SUPPORT) or b"").startswith(b"available")
    document = msgspec.json.decode(response.body or b"")
    assert document["code"] == kind.code
    assert document["help"]["resources"]
