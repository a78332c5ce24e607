"""Explain: what is said of a request; tests/e2e/test_explain.py compares it with what happens."""

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, loaded
from tta_gateway.kernel.own import internal
from tta_gateway.node.explain import explain
from tta_gateway.order import ORDER
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.snapshot.model import Snapshot

ROUTES = """\
routes:
  - {path: "/plain/{id}", service: players, auth: none, max_body: 10}
  - path: "/old/{id}"
    service: players
    auth: none
    rewrite: {path: "/new/{id}", method: PUT}
    request_headers: {x-added: "1"}
  - {path: "/{rest:path}", host: only.example, respond: {body: here}, auth: none}
  - {path: "/moved/{rest:path}", redirect: "/plain/{rest:path}", redirect_status: 308, auth: none}
  - {path: /missing, respond: {missing_service: models}, auth: none}
  - {path: /inside, service: players, auth: none, allow_from: [10.0.0.0/8, unix]}
  - {path: /talk, service: players, auth: none, origins: ["https://app.example"]}
"""
CORS = 'cors: {origins: ["http://page.example"]}\n'
PREFLIGHT = ("Origin: http://page.example", "Access-Control-Request-Method: PUT")


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return _snapshot(PLAYERS + ROUTES)


def _snapshot(text: str) -> Snapshot:
    return compile_snapshot(loaded(text).settings, version=1)


def _said(snapshot: Snapshot, method: str, target: str, *headers: str, host: str = "") -> list[str]:
    """All lines but those of the policies."""
    lines = explain(snapshot, method=method, target=target, host=host, headers=headers)
    return [line for line in lines if not line.startswith("policy ")]


def _word(snapshot: Snapshot, policy: str, target: str) -> str:
    lines = explain(snapshot, method="GET", target=target, host="", headers=())
    (word,) = [line for line in lines if line.startswith(f"policy {policy}: ")]
    return word.partition(": ")[2]


def test_a_route_to_a_service_is_named_with_what_the_service_sees(snapshot: Snapshot) -> None:
    assert _said(snapshot, "GET", "/plain/a%20b?c=d") == [
        "route: /plain/{id}",
        "path: /plain/{id}",
        "parameter: id = a b",
        "end: service players",
        "breaker: opens when 50 % of at least 20 requests in 10 s failed, for 10 s at first",
        "fallback: none",
        "upstream sees: GET /plain/a%20b?c=d",
    ]


def test_what_a_rewrite_makes_of_it_is_what_the_service_sees(snapshot: Snapshot) -> None:
    assert _said(snapshot, "GET", "/old/%61b?c")[-1] == "upstream sees: PUT /new/ab?c"


def test_a_redirect_is_said_with_the_place_it_leads_to(snapshot: Snapshot) -> None:
    assert _said(snapshot, "GET", "/moved/a/b?c")[-2:] == [
        "end: redirect 308 to /plain/{rest:path}",
        "location: /plain/a/b?c",
    ]


def test_a_missing_service_is_said_by_name(snapshot: Snapshot) -> None:
    assert _said(snapshot, "GET", "/missing")[-1] == "end: 503 routing_service_missing: models"


def test_an_answer_of_the_gateways_own_is_said_by_its_status(snapshot: Snapshot) -> None:
    assert _said(snapshot, "GET", "/x", host="only.example")[-1] == "end: answer 200"


def test_a_host_may_be_given_as_a_header_too(snapshot: Snapshot) -> None:
    assert _said(snapshot, "GET", "/x", "Host: only.example")[-1] == "end: answer 200"


@pytest.mark.parametrize(
    ("method", "target", "word"),
    [
        ("GET", "/nowhere", "no route: 404 routing_not_found"),
        ("TRACE", "/missing", "no route: 405 routing_method_not_allowed, Allow: "),
        ("GET", "/plain//x", "no route: 400 routing_path_refused"),
        ("OPTIONS", "*", "no route: 204, Allow: GET, "),
        ("GET", "/a b", "refused before routing: 400 request_malformed"),
        ("GET", "relative", "refused before routing: 400 request_"),
        ("GET", "/caf\udce9", "refused before routing: 400 request_"),
        ("NOPE", "/plain/1", "refused before routing: 501 request_method_unknown"),
    ],
)
def test_what_no_route_takes_is_said_in_one_line(
    snapshot: Snapshot, method: str, target: str, word: str
) -> None:
    (line,) = _said(snapshot, method, target)
    assert line.startswith(word)


def test_a_body_that_is_larger_than_the_route_takes_is_said_to_be_refused(
    snapshot: Snapshot,
) -> None:
    assert _said(snapshot, "POST", "/plain/1", "Content-Length: 11")[-1] == (
        "refused: 413 request_body_too_large"
    )


@pytest.mark.parametrize("target", ["/plain/1", "/nowhere"])
def test_a_preflight_is_said_to_be_answered_where_it_is(target: str) -> None:
    snapshot = _snapshot(PLAYERS + ROUTES + CORS)
    assert _said(snapshot, "OPTIONS", target, *PREFLIGHT)[-1] == "answered by cors: 204"


def test_a_value_cannot_pretend_to_be_a_line(snapshot: Snapshot) -> None:
    lines = _said(snapshot, "GET", "/plain/a%0Aroute:%20other%1B")
    assert "parameter: id = 'a\\nroute: other\\x1b'" in lines


def test_each_policy_has_its_word_in_order(snapshot: Snapshot) -> None:
    lines = explain(snapshot, method="GET", target="/old/1", host="", headers=())
    names = [line.partition(":")[0] for line in lines if line.startswith("policy ")]
    assert names == [f"policy {kind.name}" for kind, _ in ORDER]


def test_a_policy_that_has_nothing_to_do_says_so(snapshot: Snapshot) -> None:
    assert _word(snapshot, "transform", "/plain/1") == "nothing to do here"
    assert "x-added" in _word(snapshot, "transform", "/old/1")


def test_a_log_that_is_off_is_not_said_to_be_written() -> None:
    text = PLAYERS + ROUTES + "access_log: {enabled: false}\n"
    assert _word(_snapshot(text), "access_log", "/plain/1") == "nothing to do here"


def test_policies_behind_the_one_that_answers_are_said_not_to_be_reached() -> None:
    snapshot = _snapshot(PLAYERS + ROUTES + CORS)
    lines = list(explain(snapshot, method="OPTIONS", target="/old/1", host="", headers=PREFLIGHT))
    at = lines.index("policy cors: allows pages of http://page.example")
    behind = [line.partition(": ")[2] for line in lines[at + 1 :]]
    assert set(behind) == {"not reached"}
    assert not any("not reached" in line for line in lines[:at])


def _inside(snapshot: Snapshot, client: str) -> str:
    said = explain(snapshot, method="GET", target="/inside", host="", headers=(), client=client)
    return [line for line in said if not line.startswith("policy ")][-1]


@pytest.mark.parametrize(
    ("client", "word"),
    [
        ("10.1.2.3", "upstream sees: GET /inside"),
        ("", "upstream sees: GET /inside"),
        ("192.0.2.1", "answered by allow_from: 403"),
    ],
)
def test_a_client_is_let_in_from_some_networks_alone(
    snapshot: Snapshot, client: str, word: str
) -> None:
    assert _inside(snapshot, client) == word


def test_a_page_of_elsewhere_opens_no_websocket(snapshot: Snapshot) -> None:
    upgrade = ("Connection: upgrade", "Upgrade: websocket")
    ends = [
        _said(snapshot, "GET", "/talk", *upgrade, f"Origin: {origin}")[-1]
        for origin in ("https://app.example", "https://evil.example")
    ]
    assert ends == ["upstream sees: GET /talk", "answered by websocket_origin: 403"]


def test_a_service_that_is_being_looked_after_sees_nothing() -> None:
    text = 'services: {players: {endpoints: ["http://127.0.0.1"], maintenance: {}}}\n' + ROUTES
    assert _said(_snapshot(text), "GET", "/plain/7")[-1] == "end: 503 service_maintenance: players"


SHARED = """\
services:
  v1: {endpoints: ["http://127.0.0.1:9001"]}
  v2: {endpoints: ["http://127.0.0.1:9002"], sticky: {by: header, name: x-player}}
routes:
  - path: /shared
    auth: none
    split: {services: [{service: v1, weight: 0}, {service: v2}], sticky: {by: client_address}}
    canary: {header: x-canary, service: v3}
    mirror: {service: v4, share: 0.5}
"""
SHARED = SHARED.replace(
    "routes:",
    """\
  v3: {endpoints: ["http://127.0.0.1:9003"]}
  v4: {endpoints: ["http://127.0.0.1:9004"]}
routes:""",
)


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ((), "service: v2, by the client's address"),
        (("X-Canary: yes",), "service: v3, because of `x-canary`"),
    ],
)
def test_of_several_services_the_one_that_is_asked_is_said_and_why(
    headers: tuple[str, ...], word: str
) -> None:
    said = _said(_snapshot(SHARED), "GET", "/shared", *headers)[-5:]
    assert said[:2] + said[3:] == [
        "end: one of several services",
        word,
        "fallback: none",
        "upstream sees: GET /shared",
    ]


def test_what_sticks_and_what_is_copied_is_said() -> None:
    snapshot = _snapshot(SHARED)
    assert _word(snapshot, "sticky", "/shared") == "endpoints of v2 by the header x-player"
    assert _word(snapshot, "mirror", "/shared") == "copies 50 % of GET, HEAD and OPTIONS to v4"


def test_what_is_for_services_is_nothing_for_clients(snapshot: Snapshot) -> None:
    route = internal("GET", "/internal/a")
    changed = msgspec.structs.replace(snapshot, routes=(route,))
    (line,) = [one for one in _said(changed, "GET", "/internal/a") if "404" in one]
    assert "routing_not_found" in line
