"""Somebody with a security key logs in for a program, on the gateway's own page, in Chromium.

The key is Chromium's virtual authenticator (WebAuthn level 2, section 11).
"""

import contextlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page

from tests.e2e.test_security_key import PAGE
from tests.helpers.browser import browser, opened, serve
from tests.helpers.gateway import free_port
from tests.helpers.issuing_gateway import AUTH, PASSWORD, Issuing, issuing

pytestmark = pytest.mark.e2e
CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B
WIDTHS: Final = (1280, 320)


@dataclass(frozen=True, slots=True)
class Home:
    """A gateway, a browser, its key, and a program that people log in for."""

    one: Issuing
    context: BrowserContext
    page: Page
    keys: CDPSession
    key: str
    client: str
    back: str
    origin: str
    codes: list[str]
    folder: Path

    def authorize(self, page: Page) -> None:
        """Be sent to log in, and say name and password."""
        asked = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.back,
            "state": "s-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "prompt": "login",
        }
        page.goto(f"{self.origin}/oauth2/authorize?{urlencode(asked)}")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_selector("text=Second step")

    def is_there(self, present: bool) -> None:
        """Have the key be touched when it is asked, or be nowhere."""
        place = {"authenticatorId": self.key, "enabled": present}
        self.keys.send("WebAuthn.setAutomaticPresenceSimulation", place)


@contextlib.contextmanager
def program() -> Iterator[str]:
    """A program on a device that waits for its answer: where."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><link rel=icon href=data:,><title>Back</title>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/back"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def add_client(one: Issuing, back: str) -> str:
    """Make a client; return its id."""
    file = str(one.stage.gateway.log.with_name("gateway.yaml"))
    words = ("client", "add", "Portal", "--public", "--redirect", back, "-c", file)
    done = subprocess.run(
        [sys.executable, "-m", "tta_gateway", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[0]


def enrol(page: Page) -> list[str]:
    """Register the key, as a page of the platform does; return the recovery codes."""
    login = {"username": "ada", "password": PASSWORD}
    codes: list[str] = page.evaluate(
        """async login => {
          const token = (await ask("login", login)).told.access_token;
          const begun = (await ask("mfa/webauthn/options", {}, token)).told;
          const said = await created(begun.webauthn);
          const body = {enrolment: begun.enrolment, credential: said, label: "usb"};
          return (await ask("mfa/webauthn", body, token)).told.recovery_codes;
        }""",
        login,
    )
    return codes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    port = free_port()
    origin = f"http://localhost:{port}"
    folder = tmp_path_factory.mktemp("key_login")
    changed = {"url": origin, "cookie": {"secure": False}, "lockout": {"account": 50}}
    with (
        program() as back,
        issuing(folder, listen=f"127.0.0.1:{port}", issuing=changed) as one,
        browser() as context,
    ):
        serve(context, {f"{origin}/page": PAGE})
        page, _ = opened(context, f"{origin}/page")
        keys = context.new_cdp_session(page)
        keys.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "usb", "automaticPresenceSimulation": True}
        made = keys.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        one.user("ada")
        codes, client = enrol(page), add_client(one, back)
        key = made["authenticatorId"]
        yield Home(one, context, page, keys, key, client, back, origin, codes, folder)


def told(page: Page) -> dict[str, str]:
    """Wait until the browser is back at the program; return what it has been told."""
    page.wait_for_url(re.compile(r"/back\?"))
    return dict(parse_qsl(urlsplit(page.url).query))


def test_whoever_touches_the_key_goes_back_with_a_code(home: Home) -> None:
    page, wrong = home.page, list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    home.authorize(page)
    button = page.get_by_role("button", name="Use your security key")
    assert button.is_visible()
    assert page.evaluate("document.activeElement.id") == "key"
    assert page.get_by_label("Code").is_visible()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 720})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=home.folder / f"key_{width}.png")
    page.keyboard.press("Enter")  # by the keyboard alone
    assert told(page).keys() == {"code", "state", "iss"}
    assert wrong == []


def test_a_key_that_is_not_touched_is_told_of_and_asked_again(home: Home) -> None:
    page = home.page
    home.authorize(page)
    page.evaluate(  # what a browser says when a person breaks it off
        """() => {
          const broken = new DOMException("", "NotAllowedError");
          navigator.credentials.get = () => Promise.reject(broken);
        }"""
    )
    button = page.get_by_role("button", name="Use your security key")
    button.click()
    alert = page.locator("#key-wrong")
    alert.wait_for()
    assert "Or take a code." in alert.inner_text()
    assert button.is_enabled()
    page.set_viewport_size({"width": 320, "height": 720})
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=home.folder / "key_wrong.png")
    page.emulate_media(color_scheme="light")
    page.get_by_label("Code").fill(home.codes[0])
    page.get_by_role("button", name="Go on").click()
    assert told(page)["state"] == "s-1"


def test_nothing_but_its_own_script_runs_there(home: Home) -> None:
    page, wrong = home.page, list[str]()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    home.authorize(page)
    page.evaluate(
        """() => {
          const made = document.createElement("script");
          made.textContent = "window.ran = true";
          document.body.append(made);
          document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = true'>");
        }"""
    )
    assert page.evaluate("window.ran === undefined")
    assert any("Content Security Policy" in text for text in wrong)


def test_without_script_the_page_takes_codes(home: Home) -> None:
    driver = home.context.browser
    assert driver is not None
    context = driver.new_context(java_script_enabled=False)
    page = context.new_page()
    home.authorize(page)
    assert not page.locator("#key").is_visible()
    assert "runs no script" in page.inner_text("main")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 720})
        page.screenshot(path=home.folder / f"no_script_{width}.png")
    page.get_by_label("Code").fill(home.codes[1])
    page.get_by_role("button", name="Go on").click()
    assert told(page).keys() == {"code", "state", "iss"}
    context.close()


def test_what_a_key_has_signed_for_one_login_is_nothing_to_another(home: Home) -> None:
    page = home.page
    home.authorize(page)
    first = json.loads(page.locator("#key").get_attribute("data-key") or "")
    said: dict[str, Any] = page.evaluate(
        """async asked => (await navigator.credentials.get({
          publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked)})).toJSON()""",
        first,
    )
    home.authorize(page)
    page.evaluate(
        """said => {
          const form = document.querySelector("form");
          form.elements.credential.value = JSON.stringify(said);
          form.submit();
        }""",
        said,
    )
    page.wait_for_selector("#wrong")
    assert "The second factor is not right." in page.inner_text("#wrong")
    assert re.match(r"http://localhost:\d+/oauth2/login", page.url)
    assert home.one.ask("GET", f"{AUTH}/me").status == 401
