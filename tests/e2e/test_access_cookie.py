"""Access tokens in a cookie: where they count, who may have them used, and who never sees it."""

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.helpers.issuing_gateway import AUTH, PASSWORD, Answer
from tests.helpers.showing import COOKIE, ORIGIN, Showing, showing

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showing]:
    """A gateway with the cookie, and ada."""
    with showing(tmp_path_factory.mktemp("cookie")) as made:
        made.gateway.user("ada")
        yield made


def logged_in(one: Showing) -> Answer:
    """A login of a page."""
    body = {"username": "ada", "password": PASSWORD}
    told = one.gateway.ask("POST", f"{AUTH}/login", body, fields={"origin": ORIGIN})
    assert told.status == 200, told
    return told


def kept(told: Answer) -> dict[str, str]:
    """The cookies that a browser keeps, each with its attributes."""
    return {one.partition("=")[0]: one.partition("=")[2] for one in told.cookies}


@pytest.fixture(scope="module")
def cookie(one: Showing) -> str:
    """The cookie of a login, as browsers send it."""
    return f"{COOKIE}={kept(logged_in(one))[COOKIE].partition(';')[0]}"


def fields_of(told: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in told["fields"]}


def test_a_login_of_a_page_sets_it_and_a_logout_has_it_forgotten(one: Showing) -> None:
    told = logged_in(one)
    token = told.told["access_token"]
    assert kept(told)[COOKIE] == (
        f"{token}; Max-Age=600; Path=/; HttpOnly; SameSite=Strict; Secure"
    )
    refresh = next(one for one in told.cookies if "refresh" in one).partition(";")[0]
    fields = {"cookie": refresh, "origin": ORIGIN}
    renewed = one.gateway.ask("POST", f"{AUTH}/refresh", {}, fields=fields)
    assert kept(renewed)[COOKIE].startswith(renewed.told["access_token"])
    for path in ("logout", "logout-all"):
        token = logged_in(one).told["access_token"]
        out = one.gateway.ask("POST", f"{AUTH}/{path}", {}, token=token)
        assert kept(out)[COOKIE].startswith("; Max-Age=0; Path=/"), path


def test_whoever_is_no_page_gets_none(one: Showing) -> None:
    assert one.gateway.login("ada").cookies == []


def test_it_counts_and_is_taken_out_and_shown_as_a_bearer_token(one: Showing, cookie: str) -> None:
    sent = {"cookie": f"a=b; {cookie}; c=d"}
    told = one.gateway.ask("GET", "/shown/a", fields=sent)
    assert told.status == 200
    seen = fields_of(told.told)
    assert (seen["cookie"], seen["authorization"]) == ("a=b; c=d", f"Bearer {cookie[11:]}")
    assert "cookie" not in fields_of(
        one.gateway.ask("GET", "/shown/a", fields={"cookie": cookie}).told
    )


def test_where_nobody_is_asked_for_a_token_no_service_sees_it_either(
    one: Showing, cookie: str
) -> None:
    told = one.gateway.ask("GET", "/open/a", fields={"cookie": f"a=b; {cookie}"})
    assert fields_of(told.told)["cookie"] == "a=b"
    double = {"cookie": f"{cookie}; {COOKIE}=other; a=b"}
    assert fields_of(one.gateway.ask("GET", "/open/a", fields=double).told)["cookie"] == "a=b"


def test_the_gateway_s_own_endpoints_take_it_too(one: Showing, cookie: str) -> None:
    told = one.gateway.ask("GET", f"{AUTH}/me", fields={"cookie": cookie})
    assert (told.status, told.told["username"]) == (200, "ada")


def test_a_token_in_a_header_stands_before_it(one: Showing, cookie: str) -> None:
    token = one.gateway.login("ada").told["access_token"]
    told = one.gateway.ask("POST", "/shown/a", {}, token=token, fields={"cookie": cookie})
    seen = fields_of(told.told)
    assert (seen["authorization"], seen.get("cookie")) == (f"Bearer {token}", None)


ATTACKS: tuple[tuple[str, dict[str, str], int, str], ...] = (
    ("POST", {}, 403, "identity_origin_refused"),
    ("POST", {"origin": "https://evil.example"}, 403, "identity_origin_refused"),
    ("POST", {"origin": "null"}, 403, "identity_origin_refused"),
    ("POST", {"origin": f"{ORIGIN}.evil.example"}, 403, "identity_origin_refused"),
    ("POST", {"origin": f"{ORIGIN}, https://evil.example"}, 403, "identity_origin_refused"),
    ("POST", {"sec-fetch-site": "cross-site"}, 403, "identity_origin_refused"),
    ("POST", {"sec-fetch-site": "same-site"}, 403, "identity_origin_refused"),
    (
        "POST",
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        403,
        "identity_origin_refused",
    ),
    ("POST", {"referer": f"{ORIGIN}/"}, 403, "identity_origin_refused"),
    ("POST", {"x-requested-with": "XMLHttpRequest"}, 403, "identity_origin_refused"),
    ("DELETE", {"origin": "https://evil.example"}, 403, "identity_origin_refused"),
    ("PUT", {}, 403, "identity_origin_refused"),
    ("PATCH", {"origin": "http://localhost"}, 403, "identity_origin_refused"),
    ("GET", {}, 200, ""),
    ("POST", {"origin": ORIGIN}, 200, ""),
    ("POST", {"sec-fetch-site": "same-origin"}, 200, ""),
)


@pytest.mark.parametrize(("method", "fields", "status", "code"), ATTACKS)
def test_a_page_of_elsewhere_changes_nothing_by_it(
    one: Showing, cookie: str, method: str, fields: dict[str, str], status: int, code: str
) -> None:
    told = one.gateway.ask(method, "/shown/a", None, fields={"cookie": cookie, **fields})
    assert (told.status, told.code) == (status, code)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "identity_token_missing"),
        ("x", "identity_token_malformed"),
        ("{token}x", "identity_token_malformed"),
        ("{token}; __Host-tta=other", "identity_token_malformed"),
        ("other; __Host-tta={token}", "identity_token_malformed"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", "identity_token_unproved"),
    ],
)
def test_what_is_no_token_in_it_is_refused(
    one: Showing, cookie: str, value: str, code: str
) -> None:
    sent = f"{COOKIE}={value.format(token=cookie[11:])}"
    told = one.gateway.ask("GET", "/shown/a", fields={"cookie": sent})
    assert (told.status, told.code) == (401, code)


def test_the_names_of_other_cookies_are_none_of_it(one: Showing, cookie: str) -> None:
    for name in ("__host-tta", "__Secure-tta", "tta", "__Secure-tta-refresh"):
        sent = {"cookie": f"{name}={cookie[11:]}"}
        assert one.gateway.ask("GET", "/shown/a", fields=sent).code == "identity_token_missing"


def test_a_web_socket_of_a_page_that_may_is_opened_by_it(one: Showing, cookie: str) -> None:
    told = one.first("/plain", Cookie=f"{cookie}; a=b", Origin=ORIGIN)
    seen = fields_of(told)
    assert (seen["cookie"], seen["authorization"]) == ("a=b", f"Bearer {cookie[11:]}")


@pytest.mark.parametrize("origin", ["", "https://evil.example", "null"])
def test_one_of_any_other_page_is_not(one: Showing, cookie: str, origin: str) -> None:
    fields = {"Origin": origin} if origin else {}
    with pytest.raises(InvalidStatus) as caught, one.socket("/plain", Cookie=cookie, **fields):
        pass
    assert caught.value.response.status_code == 403


def test_what_it_shows_ends_with_the_session_and_stands_in_no_log(one: Showing) -> None:
    told = logged_in(one)
    token = told.told["access_token"]
    sent = {"cookie": f"{COOKIE}={token}"}
    assert one.gateway.ask("GET", "/shown/a", fields=sent).status == 200
    assert one.gateway.ask("POST", f"{AUTH}/logout", {}, token=token).status == 200
    assert one.gateway.ask("GET", "/shown/a", fields=sent).code == "identity_token_revoked"
    assert token not in one.logs()
