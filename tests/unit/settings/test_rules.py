"""Rules: what must agree beyond one value."""

import pytest

from tests.helpers.configuration import complaints, route
from tta_gateway.settings.document import Value, read
from tta_gateway.settings.rules import check, effective


def wrong(written: str) -> list[str]:
    return [line.partition(" ")[2] for line in complaints(written)]


def test_a_route_leads_to_a_service_that_exists() -> None:
    assert wrong("routes: [{path: /, service: player, auth: none}]") == [
        "routes[0].service: there is no service `player`: do you mean `players`?"
    ]


def test_where_no_service_exists_none_is_suggested() -> None:
    assert wrong("services: {}\nroutes: [{path: /, service: a, auth: none}]") == [
        "routes[0].service: there is no service `a`: none is known"
    ]


def test_a_route_leads_somewhere() -> None:
    assert wrong("routes: [{path: /, service: null, auth: none}]") == [
        "routes[0]: leads nowhere: write one of `service`, `split`, `redirect` and `respond`"
    ]


def test_a_route_leads_to_one_place() -> None:
    text = "routes: [{path: /, service: players, redirect: /a, respond: {}, auth: none}]"
    assert wrong(text) == [
        "routes[0].redirect: stands beside `service`: keep one of them",
        "routes[0].respond: stands beside `service`: keep one of them",
    ]


@pytest.mark.parametrize(
    "written",
    [
        "rewrite: {}",
        "timeouts: {}",
        "retries: 1",
        "replay_body: 1",
        "upgrade: off",
        "request_headers: {}",
    ],
)
def test_what_is_for_a_service_is_refused_without_one(written: str) -> None:
    text = f"routes: [{{path: /, respond: {{}}, auth: none, {written}}}]"
    key = written.partition(":")[0]
    assert wrong(text) == [f"routes[0].{key}: has no effect without `service`: take the line out"]


def test_what_is_for_a_redirect_is_refused_without_one() -> None:
    assert wrong(route("redirect_status: 308")) == [
        "routes[0].redirect_status: has no effect without `redirect`: take the line out"
    ]


@pytest.mark.parametrize("path", ["/%2F", "/a/{b}/%5Cc", "/%3B", "/%00"])
def test_a_path_that_reads_differently_to_services_needs_leave(path: str) -> None:
    text = f"routes: [{{path: '{path}', service: players, auth: none, allow_encoded: "
    assert wrong(f"{text}true}}]") == []
    assert wrong(f"{text}false}}]") == [
        "routes[0].path: holds what no path may hold without `allow_encoded: true`: write that too"
    ]


def test_a_rewrite_knows_only_names_of_the_path() -> None:
    assert wrong(route("rewrite: {path: '/x/{c}'}")) == [
        "routes[0].rewrite.path: `{c}` is not in `/a/{b}`: known are `b`"
    ]


def test_a_redirect_knows_only_names_of_the_path() -> None:
    assert wrong("routes: [{path: '/{rest:path}', redirect: '/x/{rset}', auth: none}]") == [
        "routes[0].redirect: `{rset}` is not in `/{rest:path}`: do you mean `rest`?"
    ]


def test_a_rewrite_may_name_all_that_follows_in_either_way() -> None:
    text = "routes: [{path: '/{b:path}', service: players, auth: none, rewrite: {path: '/x/%s'}}]"
    assert wrong(text % "{b}") == wrong(text % "{b:path}") == []


@pytest.mark.parametrize("prefix", ["/a"])
def test_a_prefix_is_whole_segments_of_the_path(prefix: str) -> None:
    assert wrong(route(f"rewrite: {{strip_prefix: {prefix}}}")) == []


@pytest.mark.parametrize("prefix", ["/b", "/a/", "'/a/{b}'", "/"])
def test_what_the_path_does_not_begin_with_cannot_be_stripped(prefix: str) -> None:
    assert "is not how `/a/{b}` begins" in wrong(route(f"rewrite: {{strip_prefix: {prefix}}}"))[0]


def test_the_whole_path_can_be_stripped() -> None:
    text = "routes: [{path: /a, service: players, auth: none, rewrite: {strip_prefix: /a}}]"
    assert wrong(text) == []


def test_a_path_is_rewritten_or_stripped() -> None:
    assert wrong(route("rewrite: {path: /x, strip_prefix: /a}")) == [
        "routes[0].rewrite.strip_prefix: stands beside `path`, which wins: keep one of them"
    ]


def test_a_redirect_takes_no_encoded_paths() -> None:
    text = "routes: [{path: '/{a:path}', redirect: '/{a}', allow_encoded: true, auth: none}]"
    assert wrong(text) == [
        "routes[0].allow_encoded: would let a link choose the host that `redirect` leads to: take "
        "the line out"
    ]


def test_a_service_that_exists_is_not_missing() -> None:
    text = "routes: [{path: /, respond: {missing_service: players}, auth: none}]"
    assert wrong(text) == [
        "routes[0].respond.missing_service: `players` is not missing: write `service: players`"
    ]


def test_a_missing_service_is_all_that_an_answer_says() -> None:
    text = "routes: [{path: /, respond: {missing_service: x, status: 200}, auth: none}]"
    assert wrong(text) == [
        "routes[0].respond.status: has no effect beside `missing_service`: take the line out"
    ]


def test_a_weight_is_refused_where_nobody_asks_for_it() -> None:
    text = (
        "services: {players: {balance: round_robin, "
        "endpoints: [{url: 'https://a', weight: 1}, {url: 'https://b', weight: 2}, 'https://c']}}"
    )
    assert wrong(text) == [
        "services.players.endpoints[1].weight: has no effect with `balance: round_robin`: write "
        "`balance: weighted`"
    ]


@pytest.mark.parametrize("balance", ["", "balance: peak_ewma, "])
def test_who_is_slow_is_left_out_where_times_are_looked_at(balance: str) -> None:
    told = wrong(f"services: {{a: {{{balance}outliers: {{slow: 20}}}}}}")
    assert [one for one in told if "slow" in one] == []


def test_and_nowhere_else() -> None:
    told = wrong("services: {a: {balance: least_request, outliers: {slow: 20}}}")
    assert [one for one in told if "slow" in one] == [
        "services.a.outliers.slow: has no effect without `balance: peak_ewma`, which alone looks "
        "at times: take it out"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "services: 1\nroutes: 2",
        "services: {a: 1}\nroutes: [1]",
        "services: {a: {balance: round_robin, endpoints: {}}}",
        "routes: {a: {path: 1}}",
    ],
)
def test_what_is_not_of_its_kind_is_left_to_others(text: str) -> None:
    document = read(text)
    check(document)
    assert document.complaints == []


@pytest.mark.parametrize("rewrite", ["{path: '/{x}'}", "{strip_prefix: /y}", "{path: 1}", "1"])
def test_a_bad_path_does_not_make_its_rewrite_bad(rewrite: str) -> None:
    document = read(f"routes: [{{path: 1, service: [], rewrite: {rewrite}, auth: none}}]")
    check(document)
    assert document.complaints == []


def test_what_has_an_effect_in_a_route_is_kept() -> None:
    whole: dict[str, Value] = {"path": "/", "service": "a", "retries": 1, "redirect_status": 307}
    assert effective(whole) == {"path": "/", "service": "a", "retries": 1}
    assert effective({"redirect": "/a", "redirect_status": 308, "timeouts": {}}) == {
        "redirect": "/a",
        "redirect_status": 308,
    }
    assert effective({"respond": {"missing_service": "a", "status": 200}}) == {
        "respond": {"missing_service": "a"}
    }
