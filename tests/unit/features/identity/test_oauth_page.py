"""The pages: what is not ours is escaped, nothing comes from elsewhere, people can use them."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from tta_gateway.features.identity import oauth_page as page
from tta_gateway.features.identity.second_factor import Asked

EVIL = '"><script>alert(1)</script>'
SAID = {"state": EVIL, "client_id": "c"}
PAGES = (
    page.login(EVIL, SAID, EVIL, name=EVIL, complaint=EVIL),
    page.confirm(EVIL, SAID, EVIL, name=EVIL, other=f"/oauth2/authorize?{EVIL}"),
    page.refused(EVIL),
    page.factor(EVIL, SAID, EVIL, asked=Asked(EVIL, ("totp", "recovery"), 9), complaint=EVIL),
)
KEY = Asked(EVIL, ("webauthn", "recovery"), 9, {"challenge": EVIL, "allowCredentials": []})
WITH_KEY = page.factor(EVIL, SAID, EVIL, asked=KEY)


class Tags(HTMLParser):
    """Gathers the tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", PAGES)
def test_nothing_that_others_say_becomes_markup(text: str) -> None:
    found = Tags(text).found
    assert "script" not in {tag for tag, _ in found}
    assert not [name for _, given in found for name in given if name.startswith("on")]
    assert not [given for _, given in found if "src" in given]


@pytest.mark.parametrize("text", PAGES)
def test_a_page_says_what_it_is_and_in_which_language(text: str) -> None:
    tags = [tag for tag, _ in Tags(text).found]
    assert ("html", {"lang": "en"}) in Tags(text).found
    assert [tags.count(one) for one in ("title", "h1", "main")] == [1, 1, 1]


def test_what_is_asked_has_labels_and_what_is_wrong_is_told() -> None:
    found = Tags(PAGES[0]).found
    inputs = {given["id"]: given for tag, given in found if tag == "input" and "id" in given}
    labels = {given["for"] for tag, given in found if tag == "label"}
    assert inputs.keys() == labels == {"username", "password"}
    assert {given["aria-describedby"] for given in inputs.values()} == {"wrong"}
    assert ("p", {"role": "alert", "id": "wrong"}) in found
    assert inputs["password"]["autocomplete"] == "current-password"
    clean = Tags(page.login("app", {}, "t")).found
    assert [given.get("autofocus", "no") for _, given in clean if given.get("id") == "username"]
    assert not [tag for tag, given in clean if given.get("role") == "alert"]


def test_the_policy_lets_in_the_style_of_the_page_and_nothing_else() -> None:
    style = re.search("<style>(.*?)</style>", PAGES[0], re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    told = page.fields()["content-security-policy"]
    assert told == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://app.example.org:8443/back?x", "https://app.example.org:8443"),
        ("http://127.0.0.1:5000/back", "http://127.0.0.1:5000"),
        ("http://[::1]:5000/back", "http:"),
        ("org.example.app:/back", "org.example.app:"),
    ],
)
def test_a_form_may_lead_to_the_client_in_the_end(uri: str, source: str) -> None:
    told = page.fields(uri)["content-security-policy"]
    assert f"form-action 'self' {source};" in told


# --- security keys -------------------------------------------------------------------------------


def test_one_page_has_a_script_and_its_policy_lets_in_no_other() -> None:
    assert page.has_script(KEY)
    assert not page.has_script(Asked("t", ("totp",), 9))
    script = re.search("<script>(.*?)</script>", WITH_KEY, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    told = page.fields(has_script=True)["content-security-policy"]
    assert f"default-src 'none'; script-src 'sha256-{digest}'; style-src" in told
    assert "script-src" not in page.fields()["content-security-policy"]
    assert WITH_KEY.count("<script") == 1  # what others say has become none
    assert not [name for _, given in Tags(WITH_KEY).found for name in given if name[:2] == "on"]


def test_what_is_asked_of_the_key_stands_in_the_page_and_nothing_shows_without_the_script() -> None:
    found = {given["id"]: (tag, given) for tag, given in Tags(WITH_KEY).found if "id" in given}
    tag, button = found["key"]
    assert (tag, button["type"], "hidden" in button) == ("button", "button", True)
    assert json.loads(button["data-key"] or "") == KEY.key
    assert "hidden" in found["key-wrong"][1]
    assert {"code", "hint"} <= found.keys()
    assert "Or take a code." in WITH_KEY
    assert "One of your recovery codes." in WITH_KEY


def test_who_has_a_key_alone_is_asked_for_no_code() -> None:
    alone = page.factor("app", {}, "t", asked=Asked("t", ("webauthn",), 9, {"challenge": "c"}))
    assert 'name="code"' not in alone
    assert "Allow it, and log in again." in alone
    assert "From your authenticator app, or one of your recovery codes." in PAGES[3]
