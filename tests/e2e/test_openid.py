"""Logins by way of a provider of another library, at a gateway of processes."""

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.helpers.issuing_gateway import AUTH, URL, Answer, Issuing, issuing
from tests.helpers.openid_provider import CLIENT, SECRET, OpenidProvider, openid_provider
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

SOON: Final = 5.0
PAGE: Final = {"accept": "text/html"}
WITHIN: Final = 1.0  # seconds from a logout there to the end of everything here


@dataclass(frozen=True, slots=True)
class Home:
    """The gateway, and the provider."""

    gateway: Issuing
    provider: OpenidProvider

    def begin(self, return_to: str = "/app") -> tuple[str, str]:
        """Begin: where the browser is sent, and its cookie."""
        query = urlencode({"return_to": return_to})
        begun = self.gateway.ask("GET", f"{AUTH}/external/clinic?{query}", fields=PAGE)
        assert begun.status == 303, begun
        return begun.fields["location"], begun.cookies[0].partition(";")[0]

    def callback(self, url: str) -> str:
        """Go to the provider, and return where it sends the browser, without the host."""
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=5)
        connection.request("GET", f"{parts.path}?{parts.query}")
        back = urlsplit(connection.getresponse().headers["location"])
        connection.close()
        return f"{back.path}?{back.query}"

    def finish(self, target: str, cookie: str) -> Answer:
        """Come back."""
        return self.gateway.ask("GET", target, fields={**PAGE, "cookie": cookie})

    def kept(self) -> str:
        """Log in, and return the cookie that renews."""
        url, cookie = self.begin()
        done = self.finish(self.callback(url), cookie)
        assert (done.status, done.fields["location"]) == (303, f"{URL}/app")
        return next(one for one in done.cookies if one.startswith("__Secure-tta-refresh"))

    def renew(self, kept: str) -> Answer:
        """Renew by a cookie."""
        fields = {"cookie": kept.partition(";")[0]}
        return self.gateway.ask("POST", f"{AUTH}/refresh", {}, fields=fields)

    def token(self) -> str:
        """Log in, and return an access token."""
        renewed = self.renew(self.kept())
        assert renewed.status == 200, renewed
        return str(renewed.told["access_token"])

    def log_out(self, token: str) -> Answer:
        """Tell the gateway of a logout, as the provider does."""
        connection = HTTPConnection("127.0.0.1", self.gateway.stage.port, timeout=10)
        path = f"{AUTH}/external/clinic/backchannel-logout"
        form = {"content-type": "application/x-www-form-urlencoded"}
        connection.request("POST", path, urlencode({"logout_token": token}), form)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return Answer(answer.status, {name.lower(): said for name, said in answer.getheaders()}, {})


@contextlib.contextmanager
def at_home(
    folder: Path,
    *special: Mapping[str, object],
    beside: Mapping[str, object] | None = None,
    recheck: str | None = None,
) -> Iterator[Home]:
    with openid_provider() as provider:
        provider.offline = recheck is not None
        provider.register(URL, "clinic")
        secret = folder / "secret"
        secret.write_text(SECRET)
        one = {
            "name": "clinic",
            "title": "The clinic",
            "issuer": provider.url,
            "client_id": CLIENT,
            "client_secret": {"file": str(secret)},
            "timeout": "2s",
            **({} if recheck is None else {"recheck": recheck}),
        }
        with issuing(folder, *special, issuing={"providers": [one]}, beside=beside) as gateway:
            yield Home(gateway, provider)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with serve(_echo, "127.0.0.1", 0) as server:
        port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        beside = {"echo": {"endpoints": [f"http://127.0.0.1:{port}"]}}
        folder = tmp_path_factory.mktemp("openid")
        route = {"path": "/socket", "auth": "required", "service": "echo"}
        with at_home(folder, route, beside=beside) as made:
            yield made
        server.shutdown()
        thread.join()


def _echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


@contextlib.contextmanager
def opened(one: Issuing, token: str) -> Iterator[ClientConnection]:
    """Open a socket with a token, and see that it is."""
    url = f"ws://127.0.0.1:{one.stage.port}/socket"
    offered = [Subprotocol("bearer"), Subprotocol(token)]
    with connect(url, subprotocols=offered, open_timeout=SOON) as socket:
        socket.send("hello")
        assert socket.recv(SOON) == "hello"
        yield socket


def test_a_login_page_is_told_of_it(home: Home) -> None:
    told = home.gateway.ask("GET", f"{AUTH}/external").told
    url = f"{URL}{AUTH}/external/clinic"
    assert told == {"providers": [{"name": "clinic", "title": "The clinic", "url": url}]}


def test_who_is_known_there_is_let_in_here(home: Home) -> None:
    token = home.token()
    assert home.gateway.guarded(token)[0] == 200
    me = home.gateway.ask("GET", f"{AUTH}/me", token=token).told
    assert me["user_id"].startswith("clinic:")
    assert me["roles"] == ["player"]
    (user,) = [
        one
        for one in home.gateway.administer("GET", "/users").told["users"]
        if one["id"] == me["user_id"]
    ]
    assert not re.search(r"\bada\b", repr(user).lower())  # in an id it may stand


def test_an_answer_counts_once_and_in_one_browser(home: Home) -> None:
    url, cookie = home.begin()
    target = home.callback(url)
    for wrong in ("", home.begin()[1], cookie[:-3]):
        refused = home.finish(target, wrong)
        assert refused.status == 400
        assert not [one for one in refused.cookies if "tta-refresh" in one]
    assert home.finish(target, cookie).status == 303
    assert home.finish(target, cookie).status == 400
    log = home.gateway.stage.access_log.read_text()
    assert "code=" not in log


def test_nobody_is_sent_to_strangers(home: Home) -> None:
    for wrong in ("//evil.example", "/\\evil.example", "https://evil.example/", f"{URL}@evil/"):
        for path in ("clinic", "clinic/logout"):
            query = urlencode({"return_to": wrong})
            told = home.gateway.ask("GET", f"{AUTH}/external/{path}?{query}", fields=PAGE)
            assert (told.status, "location" in told.fields) == (400, False), (wrong, path)


def test_a_logout_there_ends_tokens_and_sockets_here_at_once(home: Home) -> None:
    home.provider.session = "there-7"
    token = home.token()
    home.provider.session = "there-8"
    other = home.token()
    with opened(home.gateway, token) as ends, opened(home.gateway, other) as stays:
        begun = time.monotonic()
        logout = home.provider.logout_token(sid="there-7")
        answer = home.log_out(logout)
        assert (answer.status, answer.fields["cache-control"]) == (200, "no-store")
        with pytest.raises(ConnectionClosed) as closed:
            ends.recv(SOON)
        assert time.monotonic() - begun < WITHIN
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert home.gateway.is_known_everywhere(token, (401, "identity_token_revoked"))
        stays.send("still here")
        assert stays.recv(SOON) == "still here"
        assert home.gateway.guarded(other)[0] == 200
        again = home.log_out(logout)
        assert again.status == 400
        for wrong in ("", "a.b.c", home.provider.logout_token(nonce="n", sid="there-8")):
            assert home.log_out(wrong).status == 400
        stays.send("and now")
        assert stays.recv(SOON) == "and now"
        assert home.log_out(home.provider.logout_token(sid=None)).status == 200
        with pytest.raises(ConnectionClosed):
            stays.recv(SOON)


def test_a_provider_that_is_away_is_told_and_disturbs_nobody(tmp_path: Path) -> None:
    with at_home(tmp_path) as home:
        token = home.token()
        url, cookie = home.begin()
        target = home.callback(url)
        home.provider.is_away = True
        told = home.finish(target, cookie)
        assert told.fields["location"] == f"{URL}/app?login_error=identity_external_away"
        assert home.gateway.guarded(token)[0] == 200
        assert wait_until(
            lambda: (
                "LoginProviderUnreachable" in repr(home.gateway.administer("GET", "/alerts").told)
            ),
            SOON,
        )
        events = home.gateway.stage.events
        assert wait_until(lambda: len(events("login_provider_away")) == 1, SOON)
        home.provider.is_away = False
        assert home.gateway.guarded(home.token())[0] == 200
        assert wait_until(lambda: bool(events("login_provider_back")), 5.0)


def renewed(home: Home, answer: Answer) -> Answer:
    """Renew once more, when the provider is to be asked again."""
    kept = next(one for one in answer.cookies if one.startswith("__Secure-tta-refresh"))
    time.sleep(1.1)
    return home.renew(kept)


def test_an_account_that_is_over_there_ends_here_when_it_is_renewed(tmp_path: Path) -> None:
    with at_home(tmp_path, recheck="1s") as home:
        time.sleep(1.1)
        first = home.renew(home.kept())
        second = renewed(home, first)
        assert (second.status, second.fields.get("x-degraded")) == (200, None)
        home.provider.is_away = True
        third = renewed(home, second)
        assert (third.status, third.fields["x-degraded"]) == (200, "identity:clinic")
        home.provider.is_away = False
        home.provider.refreshes.clear()  # whoever looks after it has taken the account away
        token = third.told["access_token"]
        assert home.gateway.guarded(token)[0] == 200
        over = renewed(home, third)
        assert (over.status, over.code) == (401, "identity_session_over")
        assert home.gateway.is_known_everywhere(token, (401, "identity_token_revoked"))
        assert wait_until(lambda: bool(home.gateway.stage.events("recheck_ended")), SOON)
