"""A person logs in by way of npm's oidc-provider, in a real browser, and leaves there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from joserfc.jwk import ECKey
from playwright.sync_api import BrowserContext, Page

from tests.helpers.browser import browser
from tests.helpers.gateway import free_port
from tests.helpers.issuing_gateway import AUTH, Issuing, issuing
from tests.helpers.npm_provider import modules, npm_provider
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

SECRET: Final = "a secret, of the client: 100 % + more/than 32 bytes"
PERSON: Final = "ada.lovelace@clinic.example"
REFRESH: Final = """async () => {
  const answer = await fetch("/api/v1/auth/refresh", {
    method: "POST", credentials: "include",
    headers: {"content-type": "application/json"}, body: "{}",
  });
  return await answer.json();
}"""


@dataclass(frozen=True, slots=True)
class Home:
    """The gateway as browsers know it, and the provider."""

    gateway: Issuing
    url: str
    provider: str
    log: Path

    def refresh(self, page: Page) -> dict[str, object]:
        """Have a page renew its access token by its cookie."""
        told: dict[str, object] = page.evaluate(REFRESH)
        return told

    def log_in(self, context: BrowserContext, name: str) -> Page:
        """Log in, as a person does."""
        page = context.new_page()
        page.goto(f"{self.url}{AUTH}/external/{name}?return_to=/app?from=login")
        assert page.url.startswith(self.provider), (page.url, self.log.read_text())
        page.fill("input[name=login]", PERSON)
        page.fill("input[name=password]", "whatever it is")
        page.click("button[type=submit]")
        page.click("button[type=submit]")  # may the gateway know?
        page.wait_for_url(f"{self.url}/app**")
        return page


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    modules()
    folder = tmp_path_factory.mktemp("openid")
    port, there = free_port(), free_port()
    url, provider = f"http://localhost:{port}", f"http://127.0.0.1:{there}"
    key = ECKey.generate_key("P-256", {"kid": "g1"})
    secret, private = folder / "secret", folder / "key"
    secret.write_text(SECRET)
    private.write_text(json.dumps(key.as_dict(private=True)))
    told = {
        "gateway": url,
        "direct": f"http://127.0.0.1:{port}",
        "secret": SECRET,
        "key": {**key.as_dict(private=False), "alg": "ES256", "use": "sig"},
    }
    common = {"issuer": provider, "scopes": ["profile", "email"]}
    providers = [
        {"name": "clinic", "client_id": "by-secret", "client_secret": {"file": str(secret)}},
        {
            "name": "city",
            "client_id": "by-key",
            "key": {"file": str(private)},
            "claims": ["preferred_username"],
        },
    ]
    changed = {"url": url, "providers": [{**common, **one} for one in providers]}
    with (
        npm_provider(told, folder, port=there) as log,
        issuing(
            folder,
            {"path": "/app"},
            issuing=changed,
            listen=f"127.0.0.1:{port}",
        ) as gateway,
    ):
        yield Home(gateway, url, provider, log)


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    with browser() as made:
        yield made


def test_a_person_logs_in_stays_in_and_leaves_there(home: Home, context: BrowserContext) -> None:
    page = home.log_in(context, "clinic")
    assert page.url == f"{home.url}/app?from=login"  # and nothing else is in it
    kept = {one["name"]: one for one in context.cookies()}
    assert kept["__Secure-tta-refresh"]["httpOnly"]
    assert kept["__Secure-tta-refresh"]["sameSite"] == "Strict"
    assert not [one for one in kept if "tta-login" in one]
    told = home.refresh(page)
    user = told["user"]
    assert isinstance(user, dict)
    assert user["roles"] == ["player"]
    assert user["user_id"] == f"clinic:{user['username']}"
    token = str(told["access_token"])
    assert home.gateway.guarded(token)[0] == 200
    page.reload()
    assert "access_token" in home.refresh(page)
    # Nothing of who that is there has come in, or stands anywhere.
    written = home.gateway.stage.gateway.log.read_text() + repr(told)
    written += home.gateway.stage.access_log.read_text()
    database = b"".join(one.read_bytes() for one in home.gateway.state.glob("*.sqlite*"))
    assert "lovelace" not in written
    assert "code=" not in written
    assert database
    assert b"lovelace" not in database
    # Out, at the provider: it tells the gateway, and everything ends.
    page.goto(f"{home.url}{AUTH}/external/clinic/logout?return_to=/app")
    assert page.url.startswith(f"{home.provider}/session/end")
    page.click("button[value=yes]")
    page.wait_for_url(f"{home.url}/app")
    ended = wait_until(lambda: home.gateway.guarded(token) == (401, "identity_token_revoked"), 5.0)
    assert ended, home.log.read_text()
    assert home.refresh(page)["code"] == "identity_session_over"


def test_the_gateway_is_known_by_a_key_and_a_name_comes_in(
    home: Home, context: BrowserContext
) -> None:
    page = home.log_in(context, "city")
    user = home.refresh(page)["user"]
    assert isinstance(user, dict)
    assert user["username"] == f"name of {PERSON}"


def test_who_breaks_it_off_is_told_on_their_own_page(home: Home, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{home.url}{AUTH}/external/clinic?return_to=/app")
    page.click("a[href$=abort]")
    page.wait_for_url(f"{home.url}/app?login_error=identity_external_denied")


def test_a_callback_from_nowhere_is_a_plain_page(home: Home, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{home.url}{AUTH}/external/clinic/callback?code=a&state=b")
    assert page.title() == "The login has not worked"
    assert page.get_by_role("main").get_by_role("heading").count() == 1
    assert "identity_external_state" in page.content()
