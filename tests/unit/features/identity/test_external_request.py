"""A login by way of a provider, as far as it is words."""

import pytest

from tta_gateway.features.identity import external_request as request
from tta_gateway.features.identity.bound import External
from tta_gateway.features.identity.external_metadata import Metadata
from tta_gateway.features.identity.external_request import Begun, NotOurs

HOME = "https://gate.example"
PAGE = "https://app.example"
CLINIC = External(name="clinic", issuer="https://id.example", client_id="tta")
FOUND = Metadata("https://id.example/a", "https://id.example/t", "https://id.example/k")
BEGUN = Begun(state="s", nonce="n", verifier="v", return_to=f"{HOME}/", until=10.0)
KEY = b"k" * 32


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", f"{HOME}/"),
        ("/", f"{HOME}/"),
        ("/app?a=b#c", f"{HOME}/app?a=b#c"),
        (f"{HOME}/app", f"{HOME}/app"),
        (HOME, HOME),
        (PAGE, PAGE),
        (f"{PAGE}/in?next=%2F", f"{PAGE}/in?next=%2F"),
    ],
)
def test_where_somebody_comes_back_to(asked: str, found: str) -> None:
    assert request.returning(asked, home=f"{HOME}/base", allowed=(PAGE,)) == found


@pytest.mark.parametrize(
    "asked",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/\r\nlocation: https://evil.example",
        "https://evil.example",
        "http://gate.example/",  # not encrypted
        "https://gate.example:444/",
        "https://gate.example.evil.example/",
        "https://gate.example@evil.example/",
        "https://user@gate.example/",
        "https://evil.example/https://gate.example",
        "https://evil.example#https://gate.example",
        "https:evil.example",
        "https:/gate.example/",
        "https:///gate.example/",
        "https://gate.example\\@evil.example",
        "https://gate.example?@evil.example/",
        "https://gate.example#@evil.example/",
        "https://GATE.example.evil/",
        "https://gate%2eexample/",
        "https://[gate",
        "javascript:alert(1)",
        "data:text/html,x",
        "app",
        "?a=b",
        "https://gaté.example/",
        "/" + "a" * 3000,
    ],
)
def test_where_nobody_is_sent(asked: str) -> None:
    assert request.returning(asked, home=HOME, allowed=(PAGE,)) is None


def test_the_code_of_an_error_stands_before_the_fragment() -> None:
    assert request.with_error(f"{HOME}/a#b", "x") == f"{HOME}/a?login_error=x#b"
    assert request.with_error(f"{HOME}/a?b=c", "x") == f"{HOME}/a?b=c&login_error=x"


def test_what_a_browser_is_sent_with() -> None:
    url = request.authorization(CLINIC, FOUND, BEGUN, home=HOME)
    assert url.startswith(
        "https://id.example/a?response_type=code&client_id=tta&redirect_uri=https"
    )
    assert "scope=openid&state=s&nonce=n&code_challenge=" in url
    assert "max_age" not in url
    # RFC 7636, appendix B
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert request.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_what_is_remembered_is_of_one_login_at_one_provider() -> None:
    value = request.sealed(BEGUN, "clinic", KEY)
    assert request.remembered(value, "clinic", "s", key=KEY, now=9.0) == BEGUN
    for provider, state, key, now in (
        ("city", "s", KEY, 9.0),
        ("clinic", "t", KEY, 9.0),
        ("clinic", "", KEY, 9.0),
        ("clinic", "s", b"x" * 32, 9.0),
        ("clinic", "s", KEY, 10.0),
    ):
        with pytest.raises(NotOurs):
            request.remembered(value, provider, state, key=key, now=now)
    for wrong in ("", value[:-1], "ä", "=", value + "A" * 9000):
        with pytest.raises(NotOurs):
            request.remembered(wrong, "clinic", "s", key=KEY, now=9.0)


def test_cookies_are_of_this_host_and_few() -> None:
    names = {request.cookie_name("clinic", f"s{one}", secure=True) for one in range(200)}
    assert len(names) == 8
    assert all(one.startswith("__Host-tta-login-clinic-") for one in names)
    assert request.cookie_name("a", "s", secure=False).startswith("tta-login-a-")
    kept = request.cookie("n", "v", 60.5, secure=True)
    assert kept == "n=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert "Secure" not in request.cookie("n", "", 0, secure=False)


def test_answers_say_each_thing_once() -> None:
    assert request.answer_in([("a", "b"), ("c", "")]) == {"a": "b", "c": ""}
    assert request.answer_in([("a", "b"), ("a", "b")]) is None
    assert request.answer_in([("a", "b" * 3000)]) is None


def test_whose_answer_it_is() -> None:
    says = Metadata("a", "t", "k", says_issuer=True)
    for told, found, good in (
        ({}, FOUND, True),
        ({}, says, False),
        ({"iss": "https://id.example"}, FOUND, True),
        ({"iss": "https://id.example"}, says, True),
        ({"iss": "https://id.example/"}, FOUND, False),
        ({"iss": ""}, FOUND, False),
    ):
        assert request.is_from(told, CLINIC, found) is good


def test_pseudonyms_say_nothing_and_stay() -> None:
    made = request.pseudonym(CLINIC, "ada", KEY)
    assert (len(made), made) == (27, request.pseudonym(CLINIC, "ada", KEY))
    other = External(name="clinic", issuer="https://id2.example", client_id="tta")
    again = {
        request.pseudonym(CLINIC, "bob", KEY),
        request.pseudonym(CLINIC, "ada", b"x" * 32),
        request.pseudonym(other, "ada", KEY),
    }
    assert len(again | {made}) == 4
    open_one = External(name="c", issuer="https://i", client_id="tta", subject="provider")
    assert request.pseudonym(open_one, "ada", KEY) == "ada"


def test_what_comes_in_is_what_may() -> None:
    named = External(name="c", issuer="i", client_id="t", claims=("nickname", "name"))
    assert request.called(CLINIC, {"name": "Ada"}) == ""
    assert request.called(named, {"name": "Ada", "email": "a@b"}) == "Ada"
    for wrong in (1, "", "a\nb", "a" * 513, ["Ada"]):
        assert request.called(named, {"nickname": wrong}) == ""
    assert not request.wants_more(CLINIC, {})
    assert request.wants_more(named, {"name": "Ada"})


def test_roles_are_those_of_the_list() -> None:
    assert request.roles(CLINIC, {"role": "admin"}) == {"player"}
    said = External(name="c", issuer="i", client_id="t", roles=("player", "coach"), role_claim="g")
    assert request.roles(said, {"g": ["coach", "admin", 1]}) == {"coach"}
    assert request.roles(said, {"g": "player"}) == {"player"}
    assert request.roles(said, {"g": 1}) == request.roles(said, {}) == frozenset()
    assert request.wants_more(said, {})


def test_digests_are_of_one_thing_at_one_provider() -> None:
    assert (
        len({request.used(*one) for one in (("a", "s", "x"), ("b", "s", "x"), ("a", "l", "x"))})
        == 3
    )
