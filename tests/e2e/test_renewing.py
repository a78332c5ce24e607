"""Sessions that outlast their tokens: a client of `requests`, and pages in a real browser.

Through the demonstration, whose access tokens live two seconds here.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests
from playwright.sync_api import BrowserContext, Page

from tests.e2e.demonstration import FREE, Demonstration, demonstration
from tests.helpers.browser import browser, opened, serve
from tests.helpers.clients import PATIENCE
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

AUTH: Final = "/api/v1/auth"
PASSWORD: Final = "Lantern-road-7"
EXPIRIES: Final = 20
TABS: Final = 5
LIFE: Final = 2
STATUS: Final = "/api/v1/openrouter/auth/status"
HOME: Final = "http://localhost:3000/"
# What the platform's front-end does: the token in memory alone, its successor by the cookie.
PAGE: Final = """<!doctype html><title>a page</title><script>
const state = {token: "", until: 0, renewals: 0, calls: 0, wrong: [], tokens: []};
let base = "", renewing = null;
async function ask(path, options) {
  const answer = await fetch(base + path, {credentials: "include", ...options});
  return {status: answer.status, told: await answer.json()};
}
const post = (path, body) => ask(path, {
  method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
function take({status, told}) {
  if (status !== 200) { state.wrong.push([status, told.code]); throw new Error(told.code); }
  state.token = told.access_token;
  state.tokens.push(told.access_token);
  state.until = Date.now() + told.expires_in * 1000;
  return told;
}
const login = async (username, password) =>
  take(await post("/api/v1/auth/login", {username, password}));
const renew = () => renewing ??= post("/api/v1/auth/refresh", {}).then(take)
  .then(told => { state.renewals += 1; return told; }).finally(() => { renewing = null; });
async function call() {
  if (Date.now() >= state.until) await renew();
  const {status, told} = await ask("/api/v1/characters",
    {headers: {Authorization: "Bearer " + state.token}});
  state.calls += 1;
  if (status !== 200) state.wrong.push([status, told.code]);
}
async function work(renewals) {
  const goal = state.renewals + renewals;
  while (state.renewals < goal) { await call(); await new Promise(r => setTimeout(r, 100)); }
  return state;
}
const renewAt = at => new Promise(done => setTimeout(done, at - Date.now())).then(renew);
</script>"""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has registered at the platform, through the gateway."""

    url: str
    name: str

    @property
    def as_pages_do(self) -> str:
        """The gateway's address on the site of the pages, so that their cookies go along."""
        return self.url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """The demonstration, with tokens that expire while one looks on."""
    folder = tmp_path_factory.mktemp("demonstration")
    with demonstration(folder, *FREE, "--access", f"{LIFE}s") as running:
        yield running


@pytest.fixture
def account(demo: Demonstration) -> Account:
    """A new one."""
    name = f"player-{secrets.token_hex(6)}"
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    made = requests.post(f"{demo.url}{AUTH}/register", json=body, timeout=PATIENCE)
    assert made.status_code == 200, made.text
    return Account(demo.url, name)


@pytest.fixture(scope="module")
def chromium() -> Iterator[BrowserContext]:
    """A browser that knows the page."""
    with browser() as context:
        serve(context, {HOME: PAGE})
        yield context


def tab(chromium: BrowserContext, account: Account) -> tuple[Page, list[str]]:
    """A tab with the page, which knows where the gateway is."""
    page, wrong = opened(chromium, HOME)
    page.evaluate("url => { base = url }", account.as_pages_do)
    return page, wrong


def log_in(page: Page, account: Account) -> None:
    """Log in, as a person would."""
    page.evaluate("([name, password]) => login(name, password)", [account.name, PASSWORD])


def test_a_client_of_requests_keeps_its_session_through_twenty_expiries(account: Account) -> None:
    with requests.Session() as session:
        session.trust_env = False
        body = {"username": account.name, "password": PASSWORD, "refresh_in": "cookie"}
        told = session.post(f"{account.url}{AUTH}/login", json=body, timeout=PATIENCE).json()
        tokens, seen = [told["access_token"]], set[int]()
        assert told["expires_in"] == LIFE
        for _ in range(EXPIRIES):
            ends = time.monotonic() + told["expires_in"]
            while time.monotonic() < ends:
                shown = {"Authorization": f"Bearer {tokens[-1]}"}
                path = f"{account.url}/api/v1/characters"
                seen.add(session.get(path, headers=shown, timeout=PATIENCE).status_code)
            renewed = session.post(f"{account.url}{AUTH}/refresh", json={}, timeout=PATIENCE)
            assert renewed.status_code == 200, renewed.text
            told = renewed.json()
            tokens.append(told["access_token"])
    assert seen == {200}
    assert len({*tokens}) == EXPIRIES + 1
    assert _is_over(account, tokens[0]), "the first token goes on to count: nothing has expired"


def _is_over(account: Account, token: str) -> bool:
    shown = {"Authorization": f"Bearer {token}"}
    told = requests.get(f"{account.url}/api/v1/characters", headers=shown, timeout=PATIENCE)
    return (told.status_code, told.json().get("code")) == (401, "identity_token_expired")


def test_a_page_keeps_its_session_through_twenty_expiries_and_shows_no_error(
    account: Account, chromium: BrowserContext
) -> None:
    page, wrong = tab(chromium, account)
    log_in(page, account)
    state: dict[str, Any] = page.evaluate("renewals => work(renewals)", EXPIRIES)
    assert (state["renewals"], state["wrong"], wrong) == (EXPIRIES, [], [])
    assert state["calls"] > EXPIRIES
    assert len({*state["tokens"]}) == EXPIRIES + 1
    assert _is_over(account, state["tokens"][0])
    page.close()


def test_five_tabs_that_renew_at_once_stay_logged_in(
    account: Account, chromium: BrowserContext
) -> None:
    tabs = [tab(chromium, account) for _ in range(TABS)]
    log_in(tabs[0][0], account)
    for _ in range(TABS):
        at = time.time() * 1000 + 500
        for page, _ in tabs:
            page.evaluate("at => { window.renewed = renewAt(at) }", at)
        for page, _ in tabs:
            page.evaluate("() => window.renewed.then(() => null)")
    for page, wrong in tabs:
        state = page.evaluate("() => work(1)")
        assert (state["renewals"], state["wrong"], wrong) == (TABS + 1, [], [])
        page.close()


def test_a_page_that_is_loaded_anew_is_logged_in_still(
    account: Account, chromium: BrowserContext
) -> None:
    page, wrong = tab(chromium, account)
    log_in(page, account)
    page.reload()
    page.evaluate("url => { base = url }", account.as_pages_do)
    assert page.evaluate("() => state.token") == ""
    known = page.evaluate("path => ask(path, {})", STATUS)
    assert (known["status"], known["told"]["authenticated"]) == (200, True)
    assert known["told"]["user"]["username"] == account.name
    state = page.evaluate("() => work(1)")  # one call by the cookie gives a token that counts
    assert (state["calls"], state["wrong"], wrong) == (1, [], [])
    assert page.evaluate("() => document.cookie") == ""
    page.close()


def test_no_token_of_all_that_stands_in_a_log(
    account: Account, chromium: BrowserContext, demo: Demonstration
) -> None:
    page, _ = tab(chromium, account)
    log_in(page, account)
    state = page.evaluate("() => work(1)")
    kept = [one["value"] for one in chromium.cookies() if "refresh" in one["name"]]
    assert kept
    assert wait_until(lambda: demo.gateway_log.count(f"{AUTH}/refresh") > 0)
    told = demo.gateway_log + demo.errors
    assert [one for one in (*state["tokens"], *kept) if one in told] == []
    page.close()
