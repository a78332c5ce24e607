"""Routes: which requests they take, where they lead, how they treat them."""

import pytest

from tests.helpers.configuration import complaints, loaded, route
from tta_gateway.kernel.route import Route
from tta_gateway.settings.route import RouteConfig


def good(written: str) -> RouteConfig:
    return loaded(route(written)).settings.routes[0]


def wrong(written: str) -> str:
    return "\n".join(complaints(route(written)))


def wrong_path(path: str) -> str:
    return "\n".join(complaints(f"routes: [{{path: '{path}', service: players, auth: none}}]"))


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/", "/a/{b}/c/{d:path}", "/{b}/", "/a%20b", "/%C3%BC", "/a:b@c", "/.a"],
)
def test_a_path_is_a_template(path: str) -> None:
    assert wrong_path(path) == ""


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("", "a path begins with `/`"),
        ("a", "a path begins with `/`"),
        ("/a//b", "an empty segment"),
        ("/{a}/{a}", "a name stands in the path twice"),
        ("/{a:path}/b", "stands last"),
        ("/{1}", "is neither a literal segment nor `{name}`"),
        ("/a{b}", "is neither a literal segment nor `{name}`"),
        ("/a;b", "is neither a literal segment nor `{name}`"),
        ("/a?b", "is neither a literal segment nor `{name}`"),
        ("/ü", "is neither a literal segment nor `{name}`"),
        ("/../a", "is neither a literal segment nor `{name}`"),
        ("/%41", "never matches, paths being made normal: write `/A`"),
        ("/%c3%bc", "write `/%C3%BC`"),
        ("/%2e%2e", "never matches, paths being made normal: write `/`"),
        ("/100%", "holds a `%` without two hexadecimal digits: write `%25`"),
    ],
)
def test_what_no_path_could_match_is_refused(path: str, advice: str) -> None:
    assert advice in wrong_path(path)


@pytest.mark.parametrize(
    ("host", "made"),
    [
        ("Api.Example", "api.example"),
        ("*.Example.org", "*.example.org"),
        ("10.0.0.1", "10.0.0.1"),
        ('"[0::1]"', "[::1]"),
    ],
)
def test_a_host_is_a_name_an_address_or_all_below_a_name(host: str, made: str) -> None:
    assert good(f"host: {host}" if host[0] == '"' else f'host: "{host}"').host == made


@pytest.mark.parametrize("host", ["a:80", "*", "a.*", "*a", "http://a", ""])
def test_what_is_no_host_is_refused(host: str) -> None:
    assert "is not a host" in wrong(f'host: "{host}"')


def test_a_condition_is_a_value_or_any() -> None:
    assert good('headers: {X-A: true, x-b: "1"}').headers == {"x-a": True, "x-b": "1"}


@pytest.mark.parametrize("value", ["1", "false", "null", "[]", '""', '"a\\nb"'])
def test_what_no_field_could_have_is_refused(value: str) -> None:
    assert "headers.x-a: " in wrong(f"headers: {{x-a: {value}}}")


@pytest.mark.parametrize("key", ["headers", "request_headers", "response_headers"])
@pytest.mark.parametrize("name", ["Upgrade", "host", "x-forwarded-for", "x_request_id", "te"])
def test_fields_that_are_the_gateway_s_alone_are_refused(key: str, name: str) -> None:
    assert "the gateway's alone" in wrong(f"{key}: {{{name}: x}}")


@pytest.mark.parametrize("name", ["Authorization", "cookie", "x-api-key", "x-auth-token"])
def test_a_credential_is_removed_but_never_set(name: str) -> None:
    assert good(f"request_headers: {{{name}: null}}").request_headers == {name.lower(): None}
    assert "would be a secret in plain text" in wrong(f"request_headers: {{{name}: x}}")


@pytest.mark.parametrize("key", ["request_headers", "response_headers"])
@pytest.mark.parametrize(
    ("written", "values"), [("a", ("a",)), ("[a]", ("a",)), ("[b, a, b]", ("b", "a", "b"))]
)
def test_values_may_be_added_to_a_field(key: str, written: str, values: tuple[str, ...]) -> None:
    found = good(f"{key}: {{X-A: {{append: {written}}}, x-b: '1', x-c: null}}")
    assert getattr(found, key) == {"x-a": values, "x-b": "1", "x-c": None}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("[]", "or a list of one or more"),
        ("null", "or a list of one or more"),
        ("1", "or a list of one or more"),
        ("[a, 1]", "or a list of one or more"),
        ('"a\\nb"', "is not the value of a header field"),
        ('[a, ""]', "is not the value of a header field"),
        ("a, set: b", "or values that are added: `{append: …}`"),
    ],
)
def test_what_cannot_be_added_is_refused(written: str, words: str) -> None:
    said = wrong(f"response_headers: {{x-a: {{append: {written}}}}}")
    assert "response_headers.x-a: " in said
    assert words in said


@pytest.mark.parametrize("key", ["request_headers", "response_headers"])
@pytest.mark.parametrize(
    "name",
    [
        "Content-Type",
        "authorization",
        "ETag",
        "location",
        "Retry-After",
        "origin",
        "content-disposition",
    ],
)
def test_a_field_that_stands_once_is_never_added_to(key: str, name: str) -> None:
    said = wrong(f"{key}: {{{name}: {{append: a}}}}")
    assert "may stand in a message once" in said or "would be a secret" in said


@pytest.mark.parametrize("name", ["Upgrade", "host", "x-forwarded-for", "content-length", "te"])
def test_a_field_that_is_the_gateway_s_alone_is_not_added_to(name: str) -> None:
    assert "the gateway's alone" in wrong(f"response_headers: {{{name}: {{append: x}}}}")


def test_what_is_added_is_shown_as_it_is_written() -> None:
    shown = good("response_headers: {vary: {append: a}}").model_dump(mode="json")
    assert shown["response_headers"] == {"vary": {"append": ["a"]}}


@pytest.mark.parametrize(
    "target",
    ["/b", "/", "/b/{b}", "/{b}", "https://b.example", "https://b.example/{b}", "http://[::1]:80/"],
)
def test_a_redirect_leads_to_a_path_or_a_url(target: str) -> None:
    text = f"routes: [{{path: '/a/{{b}}', redirect: '{target}', auth: none}}]"
    assert loaded(text).settings.routes[0].redirect == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "b",
        "//b.example",
        "/b?c",
        "/b#c",
        "/\\b.example",
        "ftp://b",
        "https://",
        "javascript:x",
        "https://{b}",
        "https://b.example{b}",
        "https://b@c.example/",
        "https:/b",
        "/b c",
    ],
)
def test_what_could_lead_astray_is_refused(target: str) -> None:
    text = f"routes: [{{path: '/a/{{b}}', redirect: '{target}', auth: none}}]"
    assert "routes[0].redirect: " in complaints(text)[0]


@pytest.mark.parametrize("status", ["199", "600", "204", "205", "304", "1.5"])
def test_an_answer_has_a_status_that_a_body_can_follow(status: str) -> None:
    text = f"routes: [{{path: /a, respond: {{status: {status}}}, auth: none}}]"
    assert "respond.status: " in complaints(text)[0]


ASKS = (
    "asks for an access token (`auth: {auth}`), and none is believed: write `identity: {{issuers: "
    "[…]}}` or `identity: {{issuing: …}}`, or let everybody in: `auth: none`"
)


@pytest.mark.parametrize("auth", ["required", "optional"])
def test_a_token_is_asked_for_only_where_one_is_believed(auth: str) -> None:
    text = f"routes: [{{path: /a, service: players, auth: {auth}}}]"
    assert complaints(text) == [f"gateway.yaml:1:39 routes[0].auth: {ASKS.format(auth=auth)}"]


@pytest.mark.parametrize("auth", ["public", "null", "off", "false", "[]"])
def test_who_may_call_is_one_of_three(auth: str) -> None:
    text = f"routes: [{{path: /a, service: players, auth: {auth}}}]"
    assert "must be one of `required`, `optional`, `none`" in complaints(text)[0]


def test_a_route_that_says_nothing_about_it_asks_for_a_token() -> None:
    assert complaints("routes: [{path: /a, service: players}]") == [
        f"gateway.yaml:1:10 routes[0]: {ASKS.format(auth='required')}"
    ]


def test_a_short_total_ends_what_is_not_written() -> None:
    timeouts = good("timeouts: {total: 1s}").timeouts
    assert (timeouts.total, timeouts.first_byte) == (1.0, 30.0)


@pytest.mark.parametrize("key", ["connect", "first_byte"])
def test_a_patience_that_the_default_would_cut_short_is_refused(key: str) -> None:
    assert "`total` is 1m where nothing is written" in wrong(f"timeouts: {{{key}: 61s}}")
    assert wrong(f"timeouts: {{{key}: 61s, total: 60s}}") == ""


@pytest.mark.parametrize(
    ("written", "protocols"),
    [("off", ()), ("[]", ()), ("[websocket]", ("websocket",)), ("[a, tls/1.0]", ("a", "tls/1.0"))],
)
def test_upgrades_are_protocols_or_off(written: str, protocols: tuple[str, ...]) -> None:
    assert good(f"upgrade: {written}").upgrade == protocols


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("[h2c]", "would carry requests past every rule here"),
        ("[H2C]", "would carry requests past every rule here"),
        ("[WebSocket]", "in lower case"),
        ("['a b']", "is not a protocol"),
        ("websocket", "must be a list of protocols, `[websocket]`, or `off`"),
        ("false", "must be a list of protocols, `[websocket]`, or `off`"),
        ("{}", "must be a list"),
        ("[1]", "must be text"),
    ],
)
def test_what_is_no_protocol_is_refused(written: str, advice: str) -> None:
    assert advice in wrong(f"upgrade: {written}")


def test_the_defaults_are_the_kernel_s() -> None:
    config = RouteConfig.model_validate({"path": "/", "auth": "none"})
    kernel = Route(name="", path="/")
    assert config.redirect_status == kernel.redirect_status
    assert config.retries == kernel.tries - 1
    assert config.upgrade == kernel.upgrade


def test_a_rewrite_to_a_method_without_a_body_in_its_answer_is_refused() -> None:
    assert "cannot be HEAD" in wrong("rewrite: {method: HEAD}")


def test_a_rewrite_may_change_the_method() -> None:
    assert good("rewrite: {method: POST}").rewrite.method == "POST"
