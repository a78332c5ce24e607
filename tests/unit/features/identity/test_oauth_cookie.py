"""What a browser keeps for `/oauth2`."""

import msgspec

from tta_gateway.features.identity import oauth_cookie as cookie
from tta_gateway.features.identity.bound import Issuing

ISSUING = Issuing(url="https://gate")
KEY = b"k" * 32


def test_it_is_seen_by_no_script_and_at_no_service() -> None:
    name = cookie.session_name(ISSUING)
    assert cookie.kept(ISSUING, name, "v") == (
        "__Secure-tta-session=v; Path=/oauth2; HttpOnly; SameSite=Lax; Secure"
    )
    assert "; Max-Age=60; " in cookie.kept(ISSUING, name, "v", seconds=60.5)
    plain = msgspec.structs.replace(ISSUING, secure=False)
    assert cookie.kept(plain, cookie.form_name(plain), "v") == (
        "tta-form=v; Path=/oauth2; HttpOnly; SameSite=Lax"
    )


def test_a_session_is_named_by_who_knows_the_key() -> None:
    value = cookie.session_value("s-1", KEY)
    assert cookie.session_in(value, KEY) == "s-1"
    for other in ("", "s-1", "s-1.", value + "A", value.replace("s-1", "s-2"), "ä.ö", "a\ud800.b"):
        assert cookie.session_in(other, KEY) == ""
    assert cookie.session_in(value, b"l" * 32) == ""


def test_a_form_is_of_one_browser_and_one_request() -> None:
    said = {"client_id": "c", "state": "s"}
    token = cookie.form_token("b1", said, KEY)
    assert cookie.is_form(token, "b1", said, KEY)
    assert not cookie.is_form(token, "b2", said, KEY)
    assert not cookie.is_form(token, "b1", {**said, "state": "t"}, KEY)
    assert not cookie.is_form(cookie.form_token("", said, KEY), "", said, KEY)
    assert not cookie.is_form("", "b1", said, KEY)
    assert cookie.browser() != cookie.browser()
