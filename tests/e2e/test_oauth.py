"""OAuth with real processes: Authlib as the client, Chromium as the browser, the command line."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any, Final, TypeAlias, cast
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization, RSAKey
from playwright.sync_api import BrowserContext, Page

from tests.helpers.browser import browser, opened
from tests.helpers.clients import PATIENCE
from tests.helpers.issuing_gateway import PASSWORD, URL, Issuing, issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

REVOKED: Final = (401, "identity_token_revoked")
GOOD: Final = (200, "")
SOON: Final = 1.0
"""Seconds within which what is revoked counts no more anywhere."""
Folders: TypeAlias = pytest.TempPathFactory
VERIFIER: Final = "a-verifier-that-is-long-enough-for-rfc-7636-4-1"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    """A gateway with two workers, a user, and a route for services alone."""
    service = {"path": "/services/{rest:path}", "auth": "required", "roles": ["service"]}
    changed = {"cookie": {"secure": False}, "lockout": {"account": 50}}
    asks = {"permission": "worlds:read"}
    worlds = {"path": "/worlds/{rest:path}", "auth": "required", "access": asks}
    theirs = {
        "path": "/mine/{player}",
        "auth": "required",
        "access": {"permission": "progress:read", "owner": "player"},
    }
    with issuing(
        tmp_path_factory.mktemp("oauth"), service, worlds, theirs, issuing=changed
    ) as made:
        made.user("ada", "player")
        yield made


@pytest.fixture(scope="module")
def back() -> Iterator[tuple[str, "Queue[str]"]]:
    """A program on a device that waits for its answer: where, and what has come."""
    came: Queue[str] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/back"):
                came.put(self.path)
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Back</title><p>You may close this.</p>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/back", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(one: Issuing, *arguments: str) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it prints."""
    file = str(one.stage.gateway.log.with_name("gateway.yaml"))
    done = subprocess.run(
        [sys.executable, "-m", "tta_gateway", "client", *arguments, "-c", file],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def add(one: Issuing, name: str, *more: str) -> tuple[str, str]:
    """Make a client; return its id and its secret."""
    code, out, err = run(one, "add", name, *more)
    assert (code, err) == (0, "")
    found = re.search(r"secret, shown this once: (\S+)", out)
    return out.split()[0], "" if found is None else found[1]


def at(one: Issuing, path: str) -> str:
    return f"http://127.0.0.1:{one.stage.port}/oauth2/{path}"


def session(one: Issuing, client: str, secret: str | None, **more: object) -> OAuth2Session:
    return OAuth2Session(
        client, secret, code_challenge_method="S256", token_endpoint=at(one, "token"), **more
    )


def revoked_soon(one: Issuing, token: str) -> bool:
    """Whether no worker takes a token any more, a second from now at most."""
    begun = time.monotonic()
    wait_until(lambda: one.is_known_everywhere(token, REVOKED), SOON)
    return one.is_known_everywhere(token, REVOKED) and time.monotonic() - begun < 2 * SOON


def fill_in(page: Page, folder: Path) -> None:
    """Log in with the keyboard: at first with a wrong password."""
    assert page.title() == "Log in"
    assert "to go on to Story <Player>" in page.inner_text("main")
    assert page.evaluate("document.activeElement.id") == "username"
    page.screenshot(path=folder / "login.png")
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong password")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    assert "Name or password are not right." in page.inner_text("[role=alert]")
    assert (page.input_value("#username"), page.input_value("#password")) == ("ada", "")
    page.screenshot(path=folder / "refused.png")
    page.set_viewport_size({"width": 320, "height": 480})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def agree(page: Page, folder: Path) -> None:
    """Say that a program may go on."""
    assert page.title() == "Go on"
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=folder / "confirm.png")
    page.get_by_role("button", name="Go on").click()


def come_back_with(context: BrowserContext, came: "Queue[str]") -> str:
    """Return what the program on the device has been told, and look at what the browser keeps."""
    kept = {one["name"]: one for one in context.cookies()}
    assert (kept["tta-session"]["httpOnly"], kept["tta-session"]["path"]) == (True, "/oauth2")
    return came.get(timeout=PATIENCE)


@dataclass(frozen=True, slots=True)
class Program:
    """A program on a device, that Authlib speaks for; and what it was told, twice."""

    one: Issuing
    id: str
    authlib: OAuth2Session
    state: str
    where: str
    told: tuple[str, str]
    tokens: list[dict[str, Any]] = field(default_factory=list)

    def token(self, told: str) -> dict[str, Any]:
        """Redeem what it was told."""
        return dict(
            self.authlib.fetch_token(
                authorization_response=self.where.removesuffix("/back") + told,
                code_verifier=VERIFIER,
            )
        )


@pytest.fixture(scope="module")
def program(one: Issuing, back: tuple[str, "Queue[str]"], tmp_path_factory: Folders) -> Program:
    """One for which somebody has logged in, and then agreed once more."""
    folder = tmp_path_factory.mktemp("pages")
    where, came = back
    terms = "--public --redirect http://127.0.0.1/back --scope openid --scope worlds:read"
    client, _ = add(one, "Story <Player>", *terms.split())
    authlib = session(one, client, None, redirect_uri=where, scope="openid worlds:read")
    wanted = {"code_verifier": VERIFIER, "nonce": "n-1"}
    with browser() as context:
        url, state = authlib.create_authorization_url(at(one, "authorize"), **wanted)
        page, wrong = opened(context, url)
        fill_in(page, folder)
        page.wait_for_url(f"{where}?*")
        first = come_back_with(context, came)
        page.goto(authlib.create_authorization_url(at(one, "authorize"), **wanted)[0])
        agree(page, folder)
        page.wait_for_url(f"{where}?*")
        second = come_back_with(context, came)
        assert [text for text in wrong if "403" not in text] == []
    made = Program(one, client, authlib, state, where, (first, second))
    made.tokens.extend(map(made.token, made.told))
    return made


def test_a_person_logs_in_for_a_program_on_a_device(one: Issuing, program: Program) -> None:
    came, told = program.told[0], program.tokens[0]
    assert dict(parse_qsl(urlsplit(came).query)).keys() == {"code", "state", "iss"}
    assert f"state={program.state}&iss={quote(URL, safe='')}" in came
    assert one.is_known_everywhere(told["access_token"], GOOD)
    let = one.ask("GET", "/worlds/a", token=told["access_token"])
    theirs = f"/mine/{one.claims(told['access_token'])['sub']}"
    assert (let.status, one.ask("GET", theirs, token=told["access_token"]).code) == (
        200,
        "access_scope_insufficient",
    )
    asked = one.ask("GET", theirs, token=told["access_token"]).fields["www-authenticate"]
    assert asked == 'Bearer error="insufficient_scope", scope="progress:read"'
    assert one.ask("GET", theirs, token=one.login().told["access_token"]).status == 200
    ticket = one.ask("POST", "/api/v1/auth/ticket", {"path": theirs}, token=told["access_token"])
    assert one.claims(ticket.told["ticket"])["client_id"] == program.id
    keys = cast("KeySetSerialization", one.ask("GET", "/.well-known/jwks.json").told)
    with pytest.warns(Warning, match="deprecated"):
        decoded = jwt.decode(told["id_token"], KeySet.import_key_set(keys), algorithms=["EdDSA"])
    said = decoded.claims
    assert (said["iss"], said["aud"], said["nonce"]) == (URL, program.id, "n-1")
    assert one.guarded(told["id_token"]) == (401, "identity_token_purpose")
    newer = program.authlib.refresh_token(at(one, "token"), told["refresh_token"])
    assert one.is_known_everywhere(newer["access_token"], GOOD)
    revoked = program.authlib.revoke_token(at(one, "revoke"), newer["refresh_token"])
    assert revoked.status_code == 200
    assert revoked_soon(one, newer["access_token"])


def test_a_code_that_two_show_ends_the_session_everywhere(one: Issuing, program: Program) -> None:
    told = program.tokens[1]
    assert one.is_known_everywhere(told["access_token"], GOOD)
    with pytest.raises(OAuthError, match="invalid_grant"):
        program.token(program.told[1])
    assert revoked_soon(one, told["access_token"])


def test_a_service_gets_in_with_a_secret_until_it_is_withdrawn(one: Issuing) -> None:
    client, secret = add(one, "stories", "--scope", "read")
    authlib, token = session(one, client, secret), ""
    for method in ("client_secret_basic", "client_secret_post"):
        authlib = session(one, client, secret, token_endpoint_auth_method=method)
        told = authlib.fetch_token(grant_type="client_credentials", scope="read")
        token = told["access_token"]
        assert one.ask("GET", "/services/a", token=token).status == 200
        assert "refresh_token" not in told
    told_about = authlib.introspect_token(at(one, "introspect"), token).json()
    assert (told_about["active"], told_about["client_id"]) == (True, client)
    person = one.login().told["access_token"]
    assert one.ask("GET", "/services/a", token=person).status == 403
    code, out, _ = run(one, "secret", "stories")
    newer = out.rsplit(maxsplit=1)[1]
    assert (code, newer != secret) == (0, True)
    assert run(one, "secret", "stories")[2].count("withdraw the one that nobody uses") == 1
    shown = json.loads(one.admin.ask(f"/admin/v1/clients/{client}")[2])
    old = shown["secrets"][0]["id"]
    assert run(one, "secret", "stories", "--withdraw", old)[0] == 0
    assert revoked_soon(one, token)
    with pytest.raises(OAuthError, match="invalid_client"):
        authlib.fetch_token(grant_type="client_credentials")
    token = session(one, client, newer).fetch_token(grant_type="client_credentials")
    assert one.ask("GET", "/services/a", token=token["access_token"]).status == 200
    assert run(one, "disable", "stories")[1].split()[3] == "disabled"
    assert revoked_soon(one, token["access_token"])
    assert run(one, "enable", "stories")[1].split()[3] == "active"
    assert "stories" in run(one, "list")[1]
    assert run(one, "remove", "stories") == (0, "stories is no client any more\n", "")
    assert "stories" not in run(one, "list")[1]


def test_a_service_gets_in_with_a_key_of_its_own(one: Issuing, tmp_path: Path) -> None:
    key = RSAKey.generate_key(2048, {"kid": "r1", "alg": "RS256", "use": "sig"})
    file = tmp_path / "public.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    client, secret = add(one, "signing", "--jwks", str(file))
    assert secret == ""
    method = PrivateKeyJWT(f"{URL}/oauth2/token", headers={"kid": "r1"}, alg="RS256")
    private: Any = key.as_pem(private=True).decode()
    authlib = session(one, client, private, token_endpoint_auth_method=method)
    told = authlib.fetch_token(grant_type="client_credentials")
    assert one.ask("GET", "/services/a", token=told["access_token"]).status == 200
    elsewhere = PrivateKeyJWT("https://elsewhere/token", headers={"kid": "r1"}, alg="RS256")
    other = session(one, client, private, token_endpoint_auth_method=elsewhere)
    with pytest.raises(OAuthError, match="invalid_client"):
        other.fetch_token(grant_type="client_credentials")


def test_it_describes_itself(one: Issuing) -> None:
    told = one.ask("GET", "/.well-known/oauth-authorization-server").told
    assert told == one.ask("GET", "/.well-known/openid-configuration").told
    assert (told["issuer"], told["token_endpoint"]) == (URL, f"{URL}/oauth2/token")
    assert told["code_challenge_methods_supported"] == ["S256"]
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint"):
        answer = one.ask("GET", told[name].removeprefix(URL))
        assert answer.status in (200, 400, 405)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x", "--public", "--redirect", "http://app.example.org/b"), "must begin with `https://`"),
        (("x", "--public", "--redirect", "https://a.example/*#x"), "is no redirect URI"),
        (("x", "--public"), "A public client has nothing to show"),
        (("x", "--role", "wizard"), "There is no role `wizard`"),
        (("x", "--grant", "password"), "There is no grant `password`"),
        (("x/y",), "without `/`"),
    ],
)
def test_a_client_that_cannot_be_is_refused_in_words(
    one: Issuing, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = run(one, "add", *arguments)
    assert (code, out) == (1, "")
    assert words in err
