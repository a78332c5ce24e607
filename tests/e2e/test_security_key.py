"""A real browser with a security key: it registers, logs in, and steps up.

The key is Chromium's virtual authenticator (WebAuthn level 2, section 11), behind the browser's own
`navigator.credentials`: what a page may ask of which key is decided there, as for a real one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from playwright.sync_api import CDPSession, Page

from tests.helpers.browser import browser, opened, serve
from tests.helpers.gateway import free_port
from tests.helpers.issuing_gateway import AUTH, PASSWORD, Issuing, issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e
CLINICAL: Final = "/clinical/a"
# A page of the gateway's own origin; the browser reads the options and writes what the key says.
PAGE: Final = """<!doctype html><title>keys</title><script>
async function ask(word, body, token) {
  const fields = {"content-type": "application/json"};
  if (token) fields.authorization = "Bearer " + token;
  const answer = await fetch("/api/v1/auth/" + word,
    {method: "POST", headers: fields, body: JSON.stringify(body)});
  return {status: answer.status, told: await answer.json()};
}
async function created(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({publicKey})).toJSON();
}
async function got(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({publicKey})).toJSON();
}
async function tried(work) {
  try { return await work; } catch (error) { return {error: error.name}; }
}
</script>"""


@dataclass
class Tab:
    """A page of the gateway's, and the key beside it."""

    one: Issuing
    page: Page
    keys: CDPSession
    key: str

    def ask(self, word: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
        """Have the page ask."""
        said: dict[str, Any] = self.page.evaluate(
            "([word, body, token]) => ask(word, body, token)", [word, body, token]
        )
        return said

    def login(self) -> dict[str, Any]:
        """Have the page log in."""
        told: dict[str, Any] = self.ask("login", {"username": "ada", "password": PASSWORD})["told"]
        return told

    def created(self, options: dict[str, Any]) -> dict[str, Any]:
        """Have the browser make a credential."""
        said: dict[str, Any] = self.page.evaluate("options => tried(created(options))", options)
        return said

    def got(self, options: dict[str, Any]) -> dict[str, Any]:
        """Have the browser ask the key."""
        said: dict[str, Any] = self.page.evaluate("options => tried(got(options))", options)
        return said

    def verify(self, challenge: dict[str, Any], credential: dict[str, Any]) -> dict[str, Any]:
        """Show the second factor."""
        body = {
            "mfa_token": challenge["mfa_token"],
            "method": "webauthn",
            "credential": credential,
        }
        return self.ask("mfa/verify", body)

    def credential(self) -> dict[str, Any]:
        """Return what the key keeps."""
        (kept,) = self.keys.send("WebAuthn.getCredentials", {"authenticatorId": self.key})[
            "credentials"
        ]
        return dict(kept)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A gateway at `localhost`, which browsers trust without TLS, and a browser at its page."""
    port = free_port()
    origin = f"http://localhost:{port}"
    with (
        issuing(
            tmp_path_factory.mktemp("keys"),
            {"path": "/clinical/{rest:path}", "auth": "required", "access": {"level": 2}},
            listen=f"127.0.0.1:{port}",
            issuing={"url": origin, "cookie": {"secure": False}},
        ) as one,
        browser() as context,
    ):
        serve(context, {f"{origin}/page": PAGE, "http://evil.localhost:1/page": PAGE})
        page, _ = opened(context, f"{origin}/page")
        keys = context.new_cdp_session(page)
        keys.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "usb", "automaticPresenceSimulation": True}
        made = keys.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        one.user("ada")
        yield Tab(one, page, keys, made["authenticatorId"])


def test_a_key_is_registered_logs_in_and_steps_up(tab: Tab) -> None:
    token = tab.login()["access_token"]
    assert tab.one.ask("GET", CLINICAL, token=token).status == 401
    begun = tab.ask("mfa/webauthn/options", {}, token)["told"]
    said = tab.created(begun["webauthn"])
    body = {"enrolment": begun["enrolment"], "credential": said, "label": "usb"}
    done = tab.ask("mfa/webauthn", body, token)
    assert (done["status"], done["told"]["factor"]["label"]) == (200, "usb")
    assert tab.one.ask("GET", CLINICAL, token=done["told"]["access_token"]).status == 200

    challenge = tab.login()["mfa_challenge"]
    assert challenge["methods"] == ["webauthn", "recovery"]
    inside = tab.verify(challenge, tab.got(challenge["webauthn"]))
    assert inside["status"] == 200, inside
    assert inside["told"]["refresh_token"] == ""  # in the cookie
    assert tab.ask("refresh", {})["status"] == 200
    assert tab.one.ask("GET", CLINICAL, token=inside["told"]["access_token"]).status == 200

    asked = tab.ask("step-up", {}, token)["told"]["mfa_challenge"]
    body = {"mfa_token": asked["mfa_token"], "method": "webauthn"}
    raised = tab.ask("step-up", {**body, "credential": tab.got(asked["webauthn"])}, token)
    assert (raised["status"], raised["told"]["acr"]) == (200, "2")


def test_the_same_key_is_not_registered_twice(tab: Tab) -> None:
    challenge = tab.login()["mfa_challenge"]
    token = tab.verify(challenge, tab.got(challenge["webauthn"]))["told"]["access_token"]
    begun = tab.ask("mfa/webauthn/options", {}, token)["told"]
    assert tab.created(begun["webauthn"]) == {"error": "InvalidStateError"}


def test_a_browser_asks_no_key_for_another_site(tab: Tab) -> None:
    options = {**tab.login()["mfa_challenge"]["webauthn"], "rpId": "example.org"}
    assert tab.got(options) == {"error": "SecurityError"}


def test_a_key_that_has_been_copied_is_found_out(tab: Tab) -> None:
    kept = tab.credential()
    challenge = tab.login()["mfa_challenge"]
    assert tab.verify(challenge, tab.got(challenge["webauthn"]))["status"] == 200
    place = {"authenticatorId": tab.key}
    tab.keys.send("WebAuthn.clearCredentials", place)
    tab.keys.send("WebAuthn.addCredential", {**place, "credential": kept})  # as it was before
    challenge = tab.login()["mfa_challenge"]
    refused = tab.verify(challenge, tab.got(challenge["webauthn"]))
    assert (refused["status"], refused["told"]["code"]) == (401, "identity_second_factor_refused")
    assert wait_until(lambda: bool(tab.one.stage.events("security_key_went_back")))
    again = tab.verify(challenge, tab.got(challenge["webauthn"]))  # it has gone on since
    assert again["status"] == 200


def test_what_a_key_has_signed_for_one_login_is_nothing_to_another(tab: Tab) -> None:
    first, second = tab.login()["mfa_challenge"], tab.login()["mfa_challenge"]
    said = tab.got(first["webauthn"])
    assert tab.verify(second, said)["status"] == 401
    answer = tab.one.ask("POST", f"{AUTH}/mfa/verify", {"mfa_token": second["mfa_token"]})
    assert answer.code == "identity_second_factor_refused"
