"""The cookie of browsers, and which pages may have it used."""

import msgspec
import pytest

from tests.helpers.identity_house import ISSUING
from tta_gateway.features.identity.bound import Delegated
from tta_gateway.features.identity.cookie import (
    is_of_a_page,
    may_use,
    name,
    set_cookie,
    set_cookies,
)
from tta_gateway.features.identity.public import STATUS

PLAIN = msgspec.structs.replace(ISSUING, secure=False, same_site="lax")


def test_no_script_and_no_other_path_gets_it() -> None:
    assert set_cookie(ISSUING, "t", 60.5) == (
        "__Secure-tta-refresh=t; Max-Age=60; Path=/api/v1/auth; HttpOnly; SameSite=Strict; Secure"
    )
    assert set_cookie(PLAIN, "", 0) == (
        "tta-refresh=; Max-Age=0; Path=/api/v1/auth; HttpOnly; SameSite=Lax"
    )
    assert (name(ISSUING), name(PLAIN)) == ("__Secure-tta-refresh", "tta-refresh")


def test_where_pages_of_the_platform_ask_for_their_status_it_is_seen_too() -> None:
    assert set_cookies(ISSUING, "t", 60) == [set_cookie(ISSUING, "t", 60)]
    home = Delegated(name="home", service="accounts", prefix="")
    both = set_cookies(msgspec.structs.replace(ISSUING, delegated=(home,)), "t", 60)
    assert both == [set_cookie(ISSUING, "t", 60, path=one) for one in ("/api/v1/auth", *STATUS)]


@pytest.mark.parametrize(
    ("origin", "site", "is_page"),
    [("", "", False), ("https://a", "", True), ("", "same-origin", True), ("null", "", True)],
)
def test_pages_are_known_by_what_browsers_say(origin: str, site: str, *, is_page: bool) -> None:
    assert is_of_a_page(origin, site) is is_page


@pytest.mark.parametrize(
    ("origin", "site", "may"),
    [
        ("", "", True),
        ("", "same-origin", True),
        ("", "none", True),
        ("", "same-site", False),
        ("", "cross-site", False),
        ("http://gate:8080", "same-origin", True),
        ("https://gate:8080", "", True),  # a proxy may have taken off the TLS
        ("http://GATE:8080", "", True),
        ("http://gate", "", False),
        ("http://gate:8081", "same-site", False),
        ("http://evil", "cross-site", False),
        ("http://gate:8080.evil", "", False),
        ("http://gate:8080/", "", False),
        ("null", "", False),
        ("http://[", "", False),
        ("ftp://gate:8080", "", False),
        ("https://app.example", "cross-site", True),
    ],
)
def test_other_pages_may_not_have_it_used(origin: str, site: str, *, may: bool) -> None:
    found = may_use(origin, site, scheme="http", host="gate:8080", allowed=("https://app.example",))
    assert found is may


@pytest.mark.parametrize(
    ("origin", "may"),
    [("https://gate", True), ("https://gate:443", True), ("http://gate", False)],
)
def test_over_tls_a_page_without_it_is_another(origin: str, *, may: bool) -> None:
    assert may_use(origin, "", scheme="https", host="gate:443", allowed=()) is may
