"""Accounts of a service log in at the gateway: the sample platform's, and nothing of it is 401."""

import contextlib
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pyotp
import pytest
import requests

from tests.contract.platform.services import running
from tests.helpers.gateway import free_port
from tests.helpers.issuing_gateway import AUTH, Answer, Issuing, issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

SECRET: Final = "a secret that the platform and the gateway know"
PASSWORD: Final = "Lantern-road-7"
SOON: Final = 15.0
CHARACTER: Final = {
    "name": "Mira",
    "appearance": {},
    "background": {"name": "Mira"},
    "therapeutic_profile": {},
}


@dataclass(frozen=True, slots=True)
class Home:
    """The gateway, and the platform behind it."""

    gateway: Issuing
    leave: Callable[[], None]
    """Has the platform end."""

    def register(self, name: str, **more: str) -> Answer:
        """Make an account, as clients do."""
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **more}
        return self.gateway.ask("POST", f"{AUTH}/register", body)

    def player(self) -> tuple[str, Answer]:
        """Return the name of a new account, and what its login is told."""
        name = f"Mira-{uuid4().hex[:8]}"
        assert self.register(name).status == 200
        told = self.gateway.login(name, PASSWORD)
        assert told.status == 200, told
        return name, told


@contextlib.contextmanager
def platform(folder: Path, *dead: str, **delegated: object) -> Iterator[Home]:
    """Start it, and a gateway in front of it that lets its accounts log in."""
    secret = folder / "platform"
    secret.write_text(SECRET)
    with contextlib.ExitStack() as stack:
        begun = running("accounts", "characters", TTA_AUTH_SECRET_KEY=SECRET)
        services = stack.enter_context(begun)
        shown = {"mode": "mint", "secret": {"file": str(secret)}}
        urls = {name: f"http://{one.host}:{one.port}" for name, one in services.items()}
        beside = {
            "accounts": {"endpoints": [*dead, urls["accounts"]], "token": shown},
            "characters": {"endpoints": [urls["characters"]], "token": shown},
        }
        routes = (
            {"path": f"{AUTH}/{{rest:path}}", "service": "accounts", "auth": "optional"},
            {
                "path": "/api/v1/characters/",
                "service": "characters",
                "auth": "required",
                "methods": ["GET", "POST"],
                "access": {"permissions": {"GET": "characters:read", "POST": "characters:write"}},
            },
        )
        provider = {"name": "platform", "service": "accounts", **delegated}
        with issuing(folder, *routes, beside=beside, issuing={"delegated": [provider]}) as gateway:
            yield Home(gateway, stack.close)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with platform(tmp_path, own_subjects=True) as made:
        yield made


def test_an_account_of_the_platform_is_at_home_everywhere(home: Home) -> None:
    name, told = home.player()
    gateway, token = home.gateway, told.told["access_token"]
    assert told.told["user_info"]["username"] == name
    made = gateway.ask("POST", "/api/v1/characters/", CHARACTER, token=token)
    assert made.status == 201, made
    seen = gateway.ask("GET", "/api/v1/characters/", token=token)
    assert seen.status == 200

    me = gateway.ask("GET", f"{AUTH}/me", token=token)
    assert (me.told["username"], me.told["role"]) == (name, "player")
    assert me.told["user_id"] == told.told["user_info"]["user_id"] == made.told["player_id"]
    verified = gateway.ask("POST", f"{AUTH}/verify-token", token=token)
    assert verified.told["valid"] is True
    may = gateway.ask("GET", f"{AUTH}/permissions", token=token)
    assert (may.told["role"], may.told["is_admin"]) == ("player", False)
    assert "characters:write:own" in may.told["permissions"]
    assert len(gateway.ask("GET", f"{AUTH}/sessions", token=token).told["sessions"]) == 1

    renewed = gateway.refresh(told.told["refresh_token"])
    assert renewed.told["user_info"]["username"] == name
    token = renewed.told["access_token"]
    assert gateway.ask("POST", f"{AUTH}/logout", {}, token=token).status == 200
    assert gateway.refresh(renewed.told["refresh_token"]).code == "identity_session_over"


def test_no_endpoint_of_the_platform_says_that_it_does_not_know_the_token(home: Home) -> None:
    _, told = home.player()
    token = told.told["access_token"]
    asked = {
        (method, path): home.gateway.ask(method, f"{AUTH}/{path}", body, token=token)
        for method, path, body in (
            ("GET", "me", None),
            ("GET", "permissions", None),
            ("POST", "verify-token", {}),
            ("POST", "mfa/setup", {}),
            ("POST", "mfa/verify", {}),
            ("POST", "password/change", {"current_password": "x", "new_password": "y"}),
            ("POST", "password/reset-request", {"email": "m@example.org"}),
            ("POST", "password/reset", {}),
            ("GET", "roles", None),
            ("GET", "security/events", None),
            ("GET", "security/sessions", None),
            ("POST", "logout-all", {}),
        )
    }
    told_of = {path: (one.status, one.code) for (_, path), one in asked.items()}
    assert [one for one in told_of.values() if one[0] == 401] == []
    assert told_of["password/change"] == told_of["roles"] == (501, "identity_not_served")
    assert told_of["mfa/setup"] == (200, "")
    assert told_of["mfa/verify"] == (400, "identity_challenge_missing")
    assert told_of["password/reset"][0] == 404  # which the sample does not have: it was asked


def test_the_platform_is_asked_again_and_counts_against_nobody_while_it_is_away(
    tmp_path: Path,
) -> None:
    with platform(tmp_path, own_subjects=True, recheck="1s", me=f"{AUTH}/me") as home:
        told = home.player()[1].told
        for word in (None, "identity:platform"):
            time.sleep(1.1)
            renewed = home.gateway.refresh(told["refresh_token"])
            assert (renewed.status, renewed.fields.get("x-degraded")) == (200, word)
            told = renewed.told
            home.leave()


def test_an_account_of_the_platform_may_have_a_second_factor_of_the_gateway_s(home: Home) -> None:
    name, told = home.player()
    token = told.told["access_token"]
    begun = home.gateway.ask("POST", f"{AUTH}/mfa/setup?method=totp", {}, token=token).told
    shown = pyotp.TOTP(begun["secret"])
    body = {"enrolment": begun["enrolment"], "code": shown.at(int(time.time()) - 30)}
    done = home.gateway.ask("POST", f"{AUTH}/mfa/totp/confirm", body, token=token)
    assert done.status == 200, done
    asked = home.gateway.login(name, PASSWORD).told
    assert (asked["mfa_required"], asked["access_token"]) == (True, "")
    body = {"mfa_token": asked["mfa_challenge"]["mfa_token"], "code": shown.now()}
    inside = home.gateway.ask("POST", f"{AUTH}/mfa/verify", body)
    assert inside.told["user_info"]["username"] == name
    seen = home.gateway.ask("GET", "/api/v1/characters/", token=inside.told["access_token"])
    assert seen.status == 200


def test_nobody_becomes_more_than_a_player_by_registering(home: Home) -> None:
    answer = home.register(f"mallory-{uuid4().hex[:8]}", role="admin")
    assert (answer.status, answer.told["role"]) == (200, "player")
    again = home.register(answer.told["username"])
    assert (again.status, again.told["message"]["errors"][0]) == (400, "Username already exists")


def test_a_wrong_password_is_told_like_any_other_and_as_late(home: Home) -> None:
    home.gateway.user("ada")
    name, _ = home.player()
    heard = []
    for one in (name, "ada", "nobody-at-all"):
        begun = time.monotonic()
        heard.append(home.gateway.login(one, "wrong-password-1"))
        assert time.monotonic() - begun >= 0.95, one
    assert {(one.status, one.code) for one in heard} == {(401, "identity_login_refused")}
    texts = [{**one.told, "correlation_id": "", "instance": ""} for one in heard]
    assert texts[0] == texts[1] == texts[2]


def test_clinicians_are_made_here_and_disabled_here(home: Home) -> None:
    name, told = home.player()
    user = f"platform:{told.told['user_info']['user_id']}"
    listed = home.gateway.administer("GET", "/users").told["users"]
    assert (user, name) in [(one["username"], one["login"]) for one in listed]
    granted = home.gateway.administer("POST", f"/users/{user}/roles", {"grant": ["therapist"]})
    assert granted.told["roles"] == ["player", "therapist"]
    renewed = home.gateway.refresh(told.told["refresh_token"])
    assert renewed.told["user_info"]["role"] == "therapist"
    assert home.gateway.login(name, PASSWORD).told["user_info"]["role"] == "therapist"
    answer = home.gateway.administer("POST", f"/users/{user}/password", {"password": PASSWORD})
    assert answer.status == 422
    assert home.gateway.administer("POST", f"/users/{user}/disable").status == 200
    assert home.gateway.guarded(renewed.told["access_token"]) == (401, "identity_token_revoked")
    assert home.gateway.login(name, PASSWORD).code == "identity_login_refused"
    assert home.gateway.refresh(renewed.told["refresh_token"]).code == "identity_session_over"


def test_an_endpoint_that_is_gone_costs_no_login(tmp_path: Path) -> None:
    with platform(tmp_path, f"http://127.0.0.1:{free_port()}") as home:
        name, told = home.player()
        assert told.told["user_info"]["user_id"].startswith("platform:")
        assert {home.gateway.login(name, PASSWORD).status for _ in range(8)} == {200}


def test_a_service_that_is_away_is_503_and_counts_against_nobody(tmp_path: Path) -> None:
    with platform(tmp_path) as home:
        name, told = home.player()
        home.gateway.user("ada")
        home.leave()
        for _ in range(8):
            away = home.gateway.login(name, PASSWORD)
            assert (away.status, away.code) == (503, "identity_login_away")
            assert int(away.fields["retry-after"]) > 0
        assert home.register("somebody").code == "identity_login_away"
        assert home.gateway.login("ada").status == 200
        renewed = home.gateway.refresh(told.told["refresh_token"])
        assert renewed.status == 200
        assert home.gateway.guarded(renewed.told["access_token"])[0] == 200
        log = home.gateway.stage.gateway.log
        said = '"event":"delegated_login_away"'
        assert wait_until(lambda: log.read_text().count(said) == 1, SOON)
        assert PASSWORD not in log.read_text()


def test_an_account_of_the_platform_logs_in_for_a_client(home: Home) -> None:
    name, told = home.player()
    gateway, back = home.gateway, "https://app.example.org/back"
    terms = {"redirect_uris": [back], "scopes": ["characters:read"]}
    client = {"name": "app", "kind": "public", **terms}
    client_id = gateway.administer("POST", "/clients", client).told["id"]
    challenge = urlsafe_b64encode(sha256(b"v" * 43).digest()).decode().rstrip("=")
    wanted = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": back,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    # `requests` keeps what is for TLS alone to itself: the cookies are sent by hand.
    base = f"http://127.0.0.1:{gateway.stage.port}/oauth2"
    page = requests.get(f"{base}/authorize", params=wanted, timeout=20)
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    kept = "; ".join(f"{one.name}={one.value}" for one in page.cookies)
    came = requests.post(
        f"{base}/login",
        {**{key: unescape(value) for key, value in form.items()}, "username": name}
        | {"password": PASSWORD},
        headers={"cookie": kept},
        allow_redirects=False,
        timeout=20,
    )
    code = dict(parse_qsl(urlsplit(came.headers["location"]).query))["code"]
    shown = {"grant_type": "authorization_code", "client_id": client_id, "code": code}
    shown |= {"redirect_uri": back, "code_verifier": "v" * 43}
    token = requests.post(f"{base}/token", shown, timeout=20).json()["access_token"]
    me = gateway.ask("GET", f"{AUTH}/me", token=token)
    assert (me.told["username"], me.told["user_id"]) == (name, told.told["user"]["user_id"])
    assert gateway.ask("GET", "/api/v1/characters/", token=token).status == 200
