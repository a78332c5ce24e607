"""Two nodes over one Redis and one PostgreSQL: what is done at one is in force at the other.

By the time at which it is answered, for whoever asks next and for what is open there.
"""

import contextlib
import http.client
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.helpers.clients import PATIENCE
from tests.helpers.issuing_gateway import AUTH, PASSWORD, URL
from tests.helpers.oauth_house import CHALLENGE, VERIFIER
from tests.helpers.openid_provider import CLIENT, SECRET, OpenidProvider, openid_provider
from tests.helpers.person import Person
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.slow import wait_until
from tests.helpers.two_nodes import (
    BACK,
    GOOD,
    PROGRESS,
    REVOKED,
    SOON,
    Node,
    a_node,
    a_therapist,
    code_of,
    numbers,
    opened,
)
from tests.helpers.valkey_server import Server

pytestmark = pytest.mark.e2e

UNPROVED: Final = (401, "identity_token_unproved")
GLASS: Final = "/api/v1/access/glass"
TICKETED: Final = "/ticketed"
LEVEL: Final = "/level/a"
CALLBACK: Final = "https://app.example.org/back"
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
ROUTES: Final = (
    {
        "auth": "required",
        "path": "/watch/{player_id}",
        "service": "echo",
        "access": {"permission": "progress:read", "owner": "player_id", "content": "clinical"},
    },
    {"auth": "required", "path": TICKETED, "service": "echo", "auth_ticket": True},
    {"auth": "required", "path": "/level/{rest:path}", "access": {"level": 2}},
)


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenidProvider]:
    with openid_provider() as made:
        made.register(URL, "clinic")
        yield made


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory,
    redis: Server,
    postgres: PostgresServer,
    echo: int,
    provider: OpenidProvider,
) -> Iterator[tuple[Node, Node]]:
    folder = tmp_path_factory.mktemp("nodes")
    secret = folder / "secret"
    secret.write_text(SECRET)
    clinic = {
        "name": "clinic",
        "issuer": provider.url,
        "client_id": CLIENT,
        "client_secret": {"file": str(secret)},
    }
    more: dict[str, object] = {"providers": [clinic], "lockout": {"account": 50, "address": 500}}
    with (
        a_node(folder / "a", redis, postgres, echo, *ROUTES, **more) as one,
        a_node(folder / "b", redis, postgres, echo, *ROUTES, **more) as two,
    ):
        yield one, two


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, with all of its body."""

    status: int
    fields: Mapping[str, str]
    cookies: list[str]
    text: str

    @property
    def told(self) -> dict[str, str]:
        """What a browser takes on to where it is sent."""
        assert self.status == 303, self
        return dict(parse_qsl(urlsplit(self.fields["location"]).query))


def say(
    node: Node, method: str, path: str, form: Mapping[str, str] | None = None, **fields: str
) -> Said:
    """Ask a node as a browser or a client of OAuth does."""
    sent = None if form is None else urlencode(form)
    connection = http.client.HTTPConnection("127.0.0.1", node.here.stage.port, timeout=20)
    with contextlib.closing(connection):
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, path, sent, {**(FORM if form else {}), **named})
        answer = connection.getresponse()
        cookies = [one.partition(";")[0] for one in answer.headers.get_all("set-cookie") or []]
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Said(answer.status, told, cookies, answer.read().decode())


def is_whole(answer: Any) -> bool:  # noqa: ANN401 - of two kinds
    """Whether what was answered is in force at all nodes."""
    return answer.fields.get("x-degraded") is None


# --- broken glass --------------------------------------------------------------------------------


def test_glass_that_is_broken_at_one_node_is_at_the_other_and_so_is_its_end(
    nodes: tuple[Node, Node],
) -> None:
    """Red without `spread_by` in node/assemble_control.py: the other node looks each second."""
    token = a_therapist(nodes)[0]
    body = {"person": "p1", "reason": "they have said goodbye to everybody", "minutes": 10}
    for opener, closer in (nodes, nodes[::-1], nodes):
        assert [one.statuses(PROGRESS, token) for one in nodes] == [{404}, {404}]
        glass = opener.here.ask("POST", GLASS, body, token=token)
        assert (glass.status, is_whole(glass)) == (201, True)
        assert [one.statuses(PROGRESS, token) for one in nodes] == [{200}, {200}]
        with opened(opener, token, "/watch/p1") as near, opened(closer, token, "/watch/p1") as far:
            ended = closer.here.ask("DELETE", f"{GLASS}/{glass.told['id']}", token=token)
            assert (ended.status, is_whole(ended)) == (204, True)
            assert [one.statuses(PROGRESS, token) for one in nodes] == [{404}, {404}]
            assert [code_of(one, SOON) for one in (near, far)] == [1008, 1008]


# --- keys ----------------------------------------------------------------------------------------


def test_keys_that_are_changed_in_an_emergency_are_at_both_when_it_is_answered(
    nodes: tuple[Node, Node],
) -> None:
    """Red without `reveal` in features/identity/admin_api.py."""
    one, two = nodes
    for turner, other in ((one, two), (two, one)):
        token = a_therapist((turner, other))[0]
        with opened(other, token) as far, opened(turner, token) as near:
            turned = turner.here.administer("POST", "/keys/rotate", {"now": True})
            assert (turned.status, is_whole(turned)) == (200, True)
            # Which of the two is heard hangs on whether a worker knew the token already.
            assert other.clinical(token) | turner.clinical(token) <= {REVOKED, UNPROVED}
            assert {code_of(socket, SOON) for socket in (far, near)} <= {1008, 3000}
        name = f"therapist{next(numbers)}"
        assert turner.here.user(name, "therapist").status == 201
        for issuer in (turner, other):  # a token of either counts at both at once
            fresh = str(issuer.here.login(name).told["access_token"])
            assert other.clinical(fresh) == turner.clinical(fresh) == {GOOD}


# --- a provider ----------------------------------------------------------------------------------


def let_in(begins: Node, ends: Node) -> str:
    """Log in by way of the provider, begun at one node and ended at another; an access token."""
    begun = say(begins, "GET", f"{AUTH}/external/clinic?return_to=/app", accept="text/html")
    parts = urlsplit(begun.fields["location"])
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", f"{parts.path}?{parts.query}")
        back = urlsplit(connection.getresponse().headers["location"])
    done = say(ends, "GET", f"{back.path}?{back.query}", cookie=begun.cookies[0])
    assert done.fields["location"] == f"{URL}/app"
    kept = next(one for one in done.cookies if "tta-refresh" in one)
    renewed = begins.here.ask("POST", f"{AUTH}/refresh", {}, fields={"cookie": kept})
    assert renewed.status == 200, renewed
    return str(renewed.told["access_token"])


@pytest.mark.parametrize("of", ["session", "subject"])
def test_a_logout_at_a_provider_that_one_node_hears_of_is_in_force_at_both(
    nodes: tuple[Node, Node], provider: OpenidProvider, of: str
) -> None:
    """Red without `ended` in features/identity/external_login.py: the other asks SQL later."""
    one, two = nodes
    for hears, other in ((one, two), (two, one)):
        provider.session = f"there-{next(numbers)}"
        token = let_in(hears, other)
        assert hears.guarded(token) == other.guarded(token) == {GOOD}
        with (
            opened(other, token, "/plain-socket") as far,
            opened(hears, token, "/plain-socket") as near,
        ):
            left = {} if of == "session" else {"sid": None}
            logout = {"logout_token": provider.logout_token(**left)}
            heard = say(hears, "POST", f"{AUTH}/external/clinic/backchannel-logout", logout)
            assert (heard.status, is_whole(heard)) == (200, True)
            assert other.guarded(token) == hears.guarded(token) == {REVOKED}
            assert [code_of(socket, SOON) for socket in (far, near)] == [1008, 1008]


# --- tickets -------------------------------------------------------------------------------------


def by_ticket(node: Node, ticket: str) -> ClientConnection:
    url = f"ws://127.0.0.1:{node.here.stage.port}{TICKETED}?ticket={ticket}"
    return connect(url, open_timeout=PATIENCE, proxy=None)


def outcome(node: Node, ticket: str) -> int:
    """101, or the status with which a ticket is refused."""
    try:
        with by_ticket(node, ticket):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def a_ticket(node: Node, token: str) -> str:
    made = node.here.ask("POST", f"{AUTH}/ticket", {"path": TICKETED}, token=token)
    assert made.status == 200, made
    return str(made.told["ticket"])


def test_a_ticket_of_one_node_opens_one_connection_of_all_at_both(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    token = a_therapist(nodes)[0]
    assert outcome(two, a_ticket(one, token)) == outcome(one, a_ticket(one, token)) == 101
    for _ in range(4):
        ticket = a_ticket(one, token)
        with ThreadPoolExecutor(12) as pool:
            doors = [nodes[number % 2] for number in range(12)]
            heard = sorted(pool.map(outcome, doors, [ticket] * 12))
        assert heard == [101, *[401] * 11]


def test_a_ticket_ends_with_its_session_at_both(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    token = a_therapist(nodes)[0]
    left = a_ticket(one, token)
    with by_ticket(two, a_ticket(one, token)) as far:
        far.send("hello")
        assert far.recv(PATIENCE) == "hello"
        answer, _ = one.logout(token)
        assert (answer.status, is_whole(answer)) == (200, True)
        assert code_of(far, SOON) == 1008
    assert outcome(two, left) == 401


def test_a_node_that_cannot_ask_the_store_opens_nothing_by_ticket(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    token = a_therapist(nodes)[0]
    ticket = a_ticket(one, token)
    two.valkey.cut()
    assert outcome(two, ticket) == 503
    assert outcome(one, ticket) == 101
    two.valkey.mend()
    assert wait_until(lambda: outcome(two, a_ticket(one, token)) == 101, BACK)
    assert outcome(two, ticket) == 401


# --- codes of OAuth ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Client:
    """A client that people log in for."""

    id: str

    def code(self, asks: Node, logs_in: Node, name: str) -> str:
        """Have somebody log in: the page is of one node, and the other takes it."""
        wanted = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": CALLBACK,
            "state": "s",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        page = say(asks, "GET", f"/oauth2/authorize?{urlencode(wanted)}")
        hidden = {unescape(one): unescape(two) for one, two in _HIDDEN.findall(page.text)}
        filled = {**hidden, "username": name, "password": PASSWORD}
        place = f"127.0.0.1:{logs_in.here.stage.port}"
        same = {"cookie": "; ".join(page.cookies), "origin": f"http://{place}", "host": place}
        return say(logs_in, "POST", "/oauth2/login", filled, **same).told["code"]

    def redeem(self, node: Node, code: str) -> tuple[int, str]:
        """Show a code; the status, and an access token."""
        form = {
            "grant_type": "authorization_code",
            "client_id": self.id,
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        said = say(node, "POST", "/oauth2/token", form)
        found = re.search(r'"access_token":\s*"([^"]+)"', said.text)
        return said.status, found[1] if found else ""


def a_client(node: Node) -> Client:
    body = {
        "name": f"story{next(numbers)}",
        "kind": "public",
        "redirect_uris": [CALLBACK],
        "scopes": ["play"],
    }
    made = node.here.administer("POST", "/clients", body)
    assert made.status == 201, made
    return Client(made.told["id"])


def a_player(node: Node) -> str:
    name = f"player{next(numbers)}"
    node.here.user(name, "player")
    return name


def test_a_code_of_one_node_is_redeemed_at_the_other_and_counts_once_in_all(
    nodes: tuple[Node, Node],
) -> None:
    """Red without `ended` where a code is shown again (oauth_server.py)."""
    one, two = nodes
    client, name = a_client(one), a_player(one)
    for gives, takes in ((one, two), (two, one)):
        code = client.code(gives, takes, name)
        status, token = client.redeem(takes, code)
        assert status == 200
        assert gives.guarded(token) == takes.guarded(token) == {GOOD}
        with opened(takes, token, "/plain-socket") as near:
            assert client.redeem(gives, code) == (400, "")  # and somebody else has had it first
            assert takes.guarded(token) == gives.guarded(token) == {REVOKED}
            assert code_of(near, SOON) == 1008


def test_of_all_who_show_a_code_at_once_at_both_nodes_one_gets_in_and_not_for_long(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    client, name = a_client(one), a_player(one)
    for _ in range(3):
        code = client.code(one, two, name)
        with ThreadPoolExecutor(6) as pool:
            doors = [nodes[number % 2] for number in range(6)]
            heard = list(pool.map(client.redeem, doors, [code] * 6))
        assert sorted(status for status, _ in heard) == [200, *[400] * 5]
        token = next(token for status, token in heard if status == 200)
        assert one.guarded(token) == two.guarded(token) == {REVOKED}


def test_a_code_is_dead_at_the_other_node_when_a_logout_is_answered(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    client, name = a_client(one), a_player(one)
    code = client.code(one, one, name)
    shown = one.here.login(name).told["access_token"]
    everywhere = one.here.ask("POST", f"{AUTH}/logout-all", {}, token=shown)
    assert (everywhere.status, is_whole(everywhere)) == (200, True)
    assert client.redeem(two, code) == (400, "")


# --- second factors ------------------------------------------------------------------------------


def test_a_second_factor_of_one_node_is_asked_for_and_used_up_at_both(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    ada = Person(one.here, a_player(one), is_there=True)
    assert ada.login().told["mfa_required"] is False
    ada.enrol()
    assert two.says(LEVEL, ada.token) == {GOOD}
    far = ada.at(two.here)
    asked, code = far.asked(), ada.code(0)
    assert ada.post("mfa/verify", {"mfa_token": asked, "code": code}, token="").status == 200
    again = {"mfa_token": far.asked(), "code": code}
    assert far.post("mfa/verify", again, token="").status == 401
    spare = {"mfa_token": far.asked(), "code": ada.codes[0], "method": "recovery"}
    assert far.post("mfa/verify", spare, token="").status == 200
    again = {"mfa_token": ada.asked(), "code": ada.codes[0], "method": "recovery"}
    assert ada.post("mfa/verify", again, token="").status == 401


def test_a_second_factor_that_is_taken_away_at_one_node_counts_at_neither(
    nodes: tuple[Node, Node],
) -> None:
    """By who has it, and by an operator: whose word ends the sessions, too."""
    one, two = nodes
    ada = Person(one.here, a_player(one), is_there=True)
    ada.login()
    ada.enrol()
    far = ada.at(two.here)
    pending = far.asked()
    factors = one.here.ask("GET", f"{AUTH}/mfa/factors", token=ada.token).told["factors"]
    gone = one.here.ask("DELETE", f"{AUTH}/mfa/factors/{factors[0]['id']}", token=ada.token)
    assert gone.status == 204, gone
    refused = far.post("mfa/verify", {"mfa_token": pending, "code": ada.code(0)}, token="")
    assert refused.status == 401
    assert far.login().told["mfa_required"] is False
    far.enrol()
    with (
        opened(two, far.token, "/plain-socket") as there,
        opened(one, far.token, "/plain-socket") as here,
    ):
        cleared = one.here.administer("DELETE", f"/users/{ada.name}/factors")
        assert (cleared.status, is_whole(cleared)) == (200, True)
        assert two.says(LEVEL, far.token) == one.says(LEVEL, far.token) == {REVOKED}
        assert [code_of(socket, SOON) for socket in (there, here)] == [1008, 1008]
    assert far.login().told["mfa_required"] is False
