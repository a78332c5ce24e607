"""Logins and what follows, with real processes: in, on, out, and refused everywhere then."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jws import JWSRegistry

from tests.helpers.issuing_gateway import AUTH, PASSWORD, URL, Answer, Issuing, issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

REVOKED: Final = (401, "identity_token_revoked")
GOOD: Final = (200, "")
SOON: Final = 1.0
"""Seconds within which what is revoked counts no more anywhere."""
NAME: Final = "tta-refresh"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    """A gateway with two workers and some users."""
    folder = tmp_path_factory.mktemp("issuing")
    changed = {
        "lockout": {"account": 3, "first": "1s"},
        "cookie": {"secure": False},
        "refresh_grace": "2s",
    }
    with issuing(folder, issuing=changed) as made:
        made.user("ada", "player")
        yield made


def claims_of(one: Issuing, token: str) -> dict[str, Any]:
    """What a token says, proved by another library with the published keys."""
    told = cast("KeySetSerialization", one.ask("GET", "/.well-known/jwks.json").told)
    registry = JWSRegistry(algorithms=["EdDSA"])
    with pytest.warns(Warning, match="deprecated"):
        return dict(jwt.decode(token, KeySet.import_key_set(told), registry=registry).claims)


def revoked_soon(one: Issuing, token: str) -> bool:
    """Whether no worker takes a token any more, a second from now at most."""
    deadline = time.monotonic() + SOON
    wait_until(lambda: one.is_known_everywhere(token, REVOKED), SOON)
    return one.is_known_everywhere(token, REVOKED) and time.monotonic() < deadline + SOON


def cookie_of(answer: Answer) -> str:
    field = answer.cookies[0]
    name, _, rest = field.partition("=")
    assert name == NAME
    return rest.partition(";")[0]


def test_a_token_says_who_and_is_proved_by_what_is_published(one: Issuing) -> None:
    said = one.login()
    told = claims_of(one, said.told["access_token"])
    assert (told["iss"], told["aud"], told["roles"]) == (URL, ["tta"], ["player"])
    assert (told["sub"], told["exp"] - told["nbf"]) == (said.told["user"]["user_id"], 600)
    assert not re.search(r"\bada\b", str(told))  # in an id of hexadecimal digits it may stand


def test_whoever_logs_in_gets_through_until_they_log_out(one: Issuing) -> None:
    said = one.login()
    assert (said.status, said.fields["cache-control"]) == (200, "no-store")
    token = said.told["access_token"]
    assert one.is_known_everywhere(token, GOOD)
    out = one.ask("POST", f"{AUTH}/logout", {}, token=token)
    assert (out.status, out.told) == (200, {"message": "Logged out."})
    assert revoked_soon(one, token)
    assert one.refresh(said.told["refresh_token"]).code == "identity_session_over"
    for method, word in (("GET", "me"), ("GET", "sessions"), ("POST", "logout-all")):
        assert one.ask(method, f"{AUTH}/{word}", token=token).code == REVOKED[1]


def test_a_refresh_gives_the_next_tokens_and_the_old_access_token_counts_on(one: Issuing) -> None:
    first = one.login().told
    second = one.refresh(first["refresh_token"]).told
    assert second["refresh_token"] != first["refresh_token"]
    assert one.is_known_everywhere(second["access_token"], GOOD)
    assert one.guarded(first["access_token"]) == GOOD
    sids = {claims_of(one, told["access_token"])["sid"] for told in (first, second)}
    assert len(sids) == 1


def test_five_tabs_that_refresh_at_once_are_not_logged_out(one: Issuing) -> None:
    token = one.login().told["refresh_token"]
    for _ in range(3):
        with ThreadPoolExecutor(5) as tabs:
            found = list(tabs.map(one.refresh, [token] * 5))
        assert [answer.status for answer in found] == [200] * 5
        (token,) = {answer.told["refresh_token"] for answer in found}
    assert one.refresh(token).status == 200


def test_one_that_comes_back_later_ends_the_session_everywhere(one: Issuing) -> None:
    first = one.login().told
    second = one.refresh(first["refresh_token"]).told
    time.sleep(2.1)  # the grace of this gateway
    assert one.refresh(first["refresh_token"]).code == "identity_refresh_reused"
    for told in (first, second):
        assert revoked_soon(one, told["access_token"])
    assert one.refresh(second["refresh_token"]).code == "identity_session_over"
    log = one.stage.gateway.log
    assert wait_until(lambda: '"event":"refresh_token_reused"' in log.read_text())


def test_a_page_stays_signed_in_by_a_cookie_that_it_cannot_read(one: Issuing) -> None:
    """The login and each reload: the platform's page sends `{}` and has the cookie sent."""
    page = {"origin": f"http://127.0.0.1:{one.stage.port}", "sec-fetch-site": "same-origin"}
    login = {"username": "ada", "password": PASSWORD}
    said = one.ask("POST", f"{AUTH}/login", login, fields=page)
    assert said.told["refresh_token"] == ""
    assert "HttpOnly" in said.cookies[0]
    for _ in range(3):
        kept = f"{NAME}={cookie_of(said)}"
        said = one.ask("POST", f"{AUTH}/refresh", {}, fields={**page, "cookie": kept})
        assert one.guarded(said.told["access_token"]) == GOOD
    kept = f"{NAME}={cookie_of(said)}"
    evil = one.ask("POST", f"{AUTH}/refresh", {}, fields={"cookie": kept, "origin": "https://evil"})
    assert (evil.status, evil.code) == (403, "identity_origin_refused")
    out = one.ask("POST", f"{AUTH}/logout", {}, fields={**page, "cookie": kept})
    assert "Max-Age=0" in out.cookies[0]
    assert revoked_soon(one, said.told["access_token"])


def test_a_session_on_another_device_is_ended(one: Issuing) -> None:
    here, there = one.login().told, one.login().told
    there_id = claims_of(one, there["access_token"])["sid"]
    told = one.ask("GET", f"{AUTH}/sessions", token=here["access_token"]).told["sessions"]
    assert there_id in [session["id"] for session in told]
    path = f"{AUTH}/sessions/{there_id}"
    assert one.ask("DELETE", path, token=here["access_token"]).status == 204
    assert revoked_soon(one, there["access_token"])
    assert one.guarded(here["access_token"]) == GOOD


def test_everywhere_is_everywhere(one: Issuing) -> None:
    tokens = [one.login().told["access_token"] for _ in range(3)]
    out = one.ask("POST", f"{AUTH}/logout-all", {}, token=tokens[0])
    assert out.told["sessions"] >= 3
    for token in tokens:
        assert revoked_soon(one, token)
    assert one.guarded(one.login().told["access_token"]) == GOOD


def test_whoever_is_disabled_is_out_and_stays_out(one: Issuing) -> None:
    one.user("eve")
    told = one.login("eve").told
    assert one.administer("POST", "/users/eve/disable").status == 200
    assert revoked_soon(one, told["access_token"])
    assert one.refresh(told["refresh_token"]).code == "identity_session_over"
    assert one.login("eve").code == "identity_login_refused"


def test_a_change_of_roles_counts_at_once_and_needs_no_login(one: Issuing) -> None:
    one.user("tom")
    told = one.login("tom").told
    one.administer("POST", "/users/tom/roles", {"grant": ["therapist"]})
    assert revoked_soon(one, told["access_token"])
    renewed = one.refresh(told["refresh_token"]).told
    assert one.is_known_everywhere(renewed["access_token"], GOOD)
    assert claims_of(one, renewed["access_token"])["roles"] == ["player", "therapist"]
    assert renewed["user"]["role"] == "therapist"


def test_who_guesses_has_to_wait_whether_there_is_such_a_user_or_not(one: Issuing) -> None:
    one.user("bob")
    for name in ("bob", "nobody-at-all"):
        codes = [one.login(name, "another one").code for _ in range(3)]
        assert codes == ["identity_login_refused"] * 3
        waiting = one.login(name)
        assert (waiting.status, waiting.code) == (429, "identity_login_waiting")
        assert int(waiting.fields["retry-after"]) >= 1
    assert wait_until(lambda: one.login("bob").status == 200)


def test_keys_that_are_rotated_leave_what_they_have_signed(one: Issuing) -> None:
    before = one.login().told["access_token"]
    told = one.administer("POST", "/keys/rotate", {}).told["keys"]
    assert [key["signs"] for key in told] == [True, False]
    assert one.is_known_everywhere(before, GOOD)
    assert wait_until(lambda: one.administer("GET", "/keys").told["keys"][-1]["signs"], 10)
    after = one.login().told["access_token"]
    for token in (before, after):
        assert one.is_known_everywhere(token, GOOD)


def test_in_an_emergency_nothing_of_the_old_keys_counts(one: Issuing) -> None:
    told = one.login().told
    one.administer("POST", "/keys/rotate", {"now": True})
    unproved = (401, "identity_token_unproved")
    assert wait_until(lambda: one.is_known_everywhere(told["access_token"], unproved), SOON)
    renewed = one.refresh(told["refresh_token"]).told
    assert one.is_known_everywhere(renewed["access_token"], GOOD)


def test_nothing_secret_is_written_anywhere(one: Issuing) -> None:
    """Not in logs, and in the database only hashes and digests."""
    told = one.login().told
    renewed = one.refresh(told["refresh_token"]).told
    one.login("ada", "a wrong kanarie")
    secrets = [
        PASSWORD,
        "a wrong kanarie",
        told["refresh_token"],
        renewed["refresh_token"],
        told["access_token"].rpartition(".")[2],
    ]
    time.sleep(0.5)
    written = one.stage.gateway.log.read_text() + one.stage.access_log.read_text()
    kept = b"".join(file.read_bytes() for file in Path(one.state).rglob("*") if file.is_file())
    for secret in secrets:
        assert secret not in written
        assert secret.encode() not in kept
