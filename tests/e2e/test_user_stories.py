"""What client developers need of the platform (user stories 1 to 5 and 10), told to a gateway.

The services behind it are those of the demonstration, with most of the platform's faults.
"""

import itertools
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.contract.platform.services import Answer as Told
from tests.contract.platform.services import Service, ask
from tests.e2e.demonstration import Demonstration, demonstration
from tests.helpers.clients import PATIENCE, Answer, Client, Field
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

PAGE: Final = b"http://localhost:3000"
ORIGIN: Final = (b"Origin", PAGE)
AUTH: Final = "/api/v1/auth"
PASSWORD: Final = "Lantern-road-7"
NEW_CHARACTER: Final = {
    "name": "Mira",
    "appearance": {},
    "background": {"name": "Mira"},
    "therapeutic_profile": {},
}
PROGRESS: Final = "/api/v1/players/{player}/progress"
ROUNDS: Final = 100


@dataclass(frozen=True, slots=True)
class Player:
    """Someone who is logged in, and knows one address alone: the gateway's."""

    gateway: Service
    token: str
    names: dict[str, str]

    def call(self, method: str, path: str, body: object = None) -> Told:
        """Ask; `{player}` and the like in the path are filled in."""
        return self.gateway.call(method, path.format(**self.names), body, token=self.token)

    def send(self, method: str, path: str, body: object = None, **fields: str) -> Told:
        """Ask without a token, with these fields."""
        connection = self.gateway.connection()
        try:
            content = None if body is None else json.dumps(body)
            said = {**fields, **({} if body is None else {"Content-Type": "application/json"})}
            connection.request(method, path, content, said)
            answer = connection.getresponse()
            read, told = answer.read(), {name.lower(): one for name, one in answer.getheaders()}
            if "set-cookie" in told:  # there may be several
                told["set-cookie"] = "\n".join(answer.headers.get_all("set-cookie") or ())
            is_json = told.get("content-type") == "application/json" and read
            return Told(answer.status, told, json.loads(read) if is_json else read)
        finally:
            connection.close()

    def enter(self, **fields: str) -> Told:
        """Log in once more, as a page does."""
        account = {"username": self.names["name"], "password": PASSWORD}
        told = self.send("POST", f"{AUTH}/login", account, **fields)
        assert told.status == 200
        return told

    def chat(self, query: str = "", *, header: bool = True) -> ClientConnection:
        """Open the chat; the token goes in a header, or in the query where one is written."""
        where = f"ws://{self.gateway.host}:{self.gateway.port}/ws/chat"
        fields = {"Authorization": f"Bearer {self.token}"} if header else {}
        return connect(
            where + query.format(token=self.token), additional_headers=fields, proxy=None
        )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """The demonstration on free ports."""
    with demonstration(tmp_path_factory.mktemp("demonstration")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(demo: Demonstration) -> Service:
    """The only address that clients know."""
    return Service("gateway", "127.0.0.1", demo.port)


@pytest.fixture(scope="module")
def player(gateway: Service) -> Player:
    """A player with a character, a session and a conversation."""
    name = f"player-{secrets.token_hex(6)}"
    profile = {"username": name, "email": f"{name}@example.org"}
    account = {**profile, "password": PASSWORD}
    assert gateway.call("POST", "/api/v1/auth/register", account).status == 200
    told = gateway.call("POST", "/api/v1/auth/login", {"username": name, "password": PASSWORD})
    someone = Player(
        gateway,
        told.body["access_token"],
        {"player": told.body["user_info"]["user_id"], "name": name},
    )
    # Services hear no address from the gateway: the profile is made by whoever it is of.
    assert someone.call("POST", "/api/v1/players", profile).status == 201
    character = someone.call("POST", "/api/v1/characters", NEW_CHARACTER).body["character_id"]
    new = {
        "character_id": character,
        "world_id": "world_lantern_road",
        "therapeutic_settings": {"intensity_level": "low"},
    }
    session = someone.call("POST", "/api/v1/sessions", new).body["session_id"]
    said = {"session_id": session, "message": "I am anxious."}
    assert someone.call("POST", "/api/v1/conversation/send", said).status == 200
    someone.names.update(character=character, session=session, world="world_lantern_road")
    return someone


def _kept(told: Told) -> str:
    """The cookie that a browser would send again."""
    fields = told.fields["set-cookie"].split("\n")
    return next(one for one in fields if "tta-refresh=" in one).partition(";")[0]


def _frames(socket: ClientConnection, count: int) -> list[Any]:
    return [json.loads(socket.recv(timeout=PATIENCE)) for _ in range(count)]


# --- whose a session is (1.9, 4) ------------------------------------------------------------------


def test_a_session_is_its_players_whoever_knows_its_id(gateway: Service, player: Player) -> None:
    """The service itself shows it to anybody, and lets anybody change it."""
    name = f"other-{secrets.token_hex(6)}"
    account = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    assert gateway.call("POST", "/api/v1/auth/register", account).status == 200
    told = gateway.call("POST", "/api/v1/auth/login", {"username": name, "password": PASSWORD})
    other = Player(gateway, told.body["access_token"], {**player.names, "none": "no-such-session"})
    calm = {"therapeutic_settings": {"intensity_level": "high"}}
    for prefix, (method, path, body) in itertools.product(
        ("/api/v1", "/api"),
        (
            ("GET", "", None),
            ("PUT", "", calm),
            ("GET", "/progress", None),
            ("GET", "/messages", None),
            ("DELETE", "/messages", None),
        ),
    ):
        theirs = other.call(method, f"{prefix}/sessions/{{session}}{path}", body)
        nobodys = other.call(method, f"{prefix}/sessions/{{none}}{path}", body)
        of_theirs, of_nobodys = json.loads(theirs.body), json.loads(nobodys.body)
        assert (theirs.status, of_theirs["code"]) == (404, "access_not_there"), (method, path)
        assert {**of_theirs, "correlation_id": ""} == {**of_nobodys, "correlation_id": ""}
    own = player.call("PUT", "/api/v1/sessions/{session}", calm)
    assert own.status == 200
    assert player.call("GET", "/api/sessions/{session}/messages").body["message_count"] > 0


# --- story 1: one base URL ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "own"),
    [
        ("/api/players/{player}", "/api/v1/players/{player}"),
        ("/api/players/{player}/dashboard", "/api/v1/players/{player}/dashboard"),
        (
            "/api/players/{player}/progress/viz?days=7",
            "/api/v1/players/{player}/progress/viz?days=7",
        ),
        ("/api/players/{player}/settings", "/api/v1/players/{player}/settings"),
        ("/api/v1/players", "/api/v1/players/"),
        ("/api/v1/players/{player}/characters", "/api/v1/characters/"),
        ("/api/v1/characters", "/api/v1/characters/"),
        ("/api/v1/worlds?limit=2", "/api/v1/worlds/?limit=2"),
        ("/api/sessions", "/api/v1/sessions/"),
        ("/api/sessions/{session}", "/api/v1/sessions/{session}"),
        ("/api/v1/sessions", "/api/v1/sessions/"),
    ],
)
def test_a_path_that_clients_know_answers_as_the_services_own_does(
    player: Player, alias: str, own: str
) -> None:
    known, meant = player.call("GET", alias), player.call("GET", own)
    assert (known.status, known.body) == (meant.status, meant.body)
    assert known.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/me",
        "/api/v1/auth/permissions",
        "/api/v1/health/",
        "/api/v1/health",
        "/api/v1/players/{player}/progress",
        "/api/v1/players/{player}/export",
        "/api/v1/characters/{character}",
        "/api/v1/characters/{character}/therapeutic-profile",
        "/api/v1/worlds/{world}",
        "/api/v1/worlds/{world}/compatibility/{character}",
        "/api/v1/sessions/{session}/progress",
        "/api/v1/conversation/{session}/history",
        "/api/v1/conversation/{session}/state",
    ],
)
def test_every_service_answers_at_the_one_address(player: Player, path: str) -> None:
    told = player.call("GET", path)
    assert (told.status, told.fields["content-type"]) == (200, "application/json")


def test_the_chat_is_at_the_one_address_too(player: Player) -> None:
    with player.chat() as socket:
        (welcome,) = _frames(socket, 1)
        socket.send(json.dumps({"type": "user_message", "content": {"text": "Good evening."}}))
        reply = _frames(socket, 4)[-1]
    assert welcome["role"] == "system"
    assert reply["content"]["text"] == "Good evening."


def test_a_page_may_open_the_chat_with_everything_in_the_query(player: Player) -> None:
    query = "?token={{token}}&session_id=s&player_id={player}&typing=1".format(**player.names)
    with player.chat(query, header=False) as socket:
        socket.send(json.dumps({"type": "user_message", "content": {"text": "Good evening."}}))
        frames = _frames(socket, 7)
    assert [frames[1]["content"].get("status"), frames[-1]["content"].get("status")] == [
        "start",
        "stop",
    ]


def test_a_large_message_goes_both_ways_whole(player: Player) -> None:
    text = "a lantern " * 20_000
    with player.chat() as socket:
        socket.send(json.dumps({"type": "user_message", "content": {"text": text}}))
        reply = _frames(socket, 5)[-1]
    assert reply["content"]["text"] == text


def test_a_chat_that_ends_says_so_to_the_other_side(player: Player) -> None:
    with player.chat() as socket:
        _frames(socket, 1)
        socket.send(b"binary")
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=PATIENCE)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011


# --- story 2: calls that no service has ---------------------------------------------------------


def test_a_token_is_verified_by_a_get(player: Player) -> None:
    told = player.call("GET", "/api/v1/auth/verify")
    assert (told.status, told.body["valid"]) == (200, True)


def test_a_characters_fit_for_a_world_is_found_from_either_end(player: Player) -> None:
    from_character = "/api/v1/characters/{character}/worlds/{world}/compatibility"
    from_world = "/api/v1/worlds/{world}/compatibility/{character}"
    assert player.call("GET", from_character).body == player.call("GET", from_world).body
    assert player.call("GET", from_character).status == 200


def test_a_worlds_parameters_can_be_put(player: Player) -> None:
    told = player.call("PUT", "/api/v1/worlds/{world}/parameters", {})
    assert (told.status, told.body["world_id"]) == (200, "world_lantern_road")


def test_a_character_is_created_under_its_player(player: Player) -> None:
    told = player.call("POST", "/api/v1/players/{player}/characters", NEW_CHARACTER)
    assert told.status == 201


def test_a_session_without_settings_is_refused_in_words_and_not_sent_elsewhere(
    player: Player,
) -> None:
    told = player.call("POST", "/api/v1/sessions", {"character_id": "c", "world_id": "w"})
    assert told.status == 422
    assert "therapeutic_settings" in json.dumps(told.body["detail"])


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/v1/models/available", "models"),
        ("/api/v1/models/openrouter/filter?free=true", "models"),
        ("/api/v1/analytics/behavior", "analytics"),
        ("/api/v1/conversation/player/analytics", "analytics"),
        ("/api/preferences/somebody", "preferences"),
        ("/api/patients/somebody", "patients"),
        ("/api/clinical/dashboard/somebody", "clinical"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("who", ["nobody", "player"])
def test_a_service_that_is_missing_is_named_and_nobody_is_asked_to_log_in(
    gateway: Service, player: Player, path: str, service: str, method: str, who: str
) -> None:
    token = {"nobody": "", "player": player.token}[who]
    told = gateway.call(method, path, {} if method == "POST" else None, token=token)
    problem = json.loads(told.body)
    assert (told.status, problem["code"]) == (503, "routing_service_missing")
    assert f"`{service}`" in problem["detail"]
    assert "retry-after" in told.fields


def test_what_nobody_has_ever_called_is_not_there(gateway: Service) -> None:
    told = gateway.call("GET", "/api/v9/nothing")
    assert (told.status, json.loads(told.body)["code"]) == (404, "routing_not_found")


def test_a_method_that_no_route_takes_is_told_which_are(gateway: Service) -> None:
    told = gateway.call("TRACE", "/api/v1/worlds/w/parameters")
    assert told.status == 405
    assert {"GET", "PUT"} < set(told.fields["allow"].split(", "))


# --- story 3: silent refresh --------------------------------------------------------------------


def test_a_page_renews_its_token_with_nothing_but_its_cookie(player: Player) -> None:
    entered = player.enter(Origin=PAGE.decode())
    assert entered.body["refresh_token"] == ""
    cookie = _kept(entered)
    renewed = player.send("POST", f"{AUTH}/refresh", {}, Cookie=cookie, Origin=PAGE.decode())
    assert renewed.status == 200
    assert {"access_token", "expires_in", "user_info"} <= {*renewed.body}
    assert renewed.body["expires_in"] == 600
    assert renewed.body["user_info"]["user_id"] == player.names["player"]
    assert _kept(renewed) != cookie
    assert renewed.fields["access-control-allow-credentials"] == "true"
    path = "/api/v1/characters"
    assert player.gateway.call("GET", path, token=renewed.body["access_token"]).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000.evil"])
def test_a_page_from_elsewhere_renews_nothing(player: Player, origin: str) -> None:
    cookie = _kept(player.enter(Origin=PAGE.decode()))
    told = player.send("POST", f"{AUTH}/refresh", {}, Cookie=cookie, Origin=origin)
    assert (told.status, json.loads(told.body)["code"]) == (403, "identity_origin_refused")
    assert "set-cookie" not in told.fields


# --- story 4: a page that is loaded anew --------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/v1/openrouter/auth/status", "/openrouter/auth/status"])
def test_a_page_that_has_only_its_cookie_hears_that_it_is_logged_in(
    player: Player, path: str
) -> None:
    cookie = _kept(player.enter(Origin=PAGE.decode()))
    known = player.send("GET", path, Cookie=cookie, Origin=PAGE.decode())
    assert (known.status, known.body["authenticated"]) == (200, True)
    assert known.body["user"]["user_id"] == player.names["player"]
    out = player.send("POST", f"{AUTH}/logout", {}, Cookie=cookie, Origin=PAGE.decode())
    assert out.status == 200
    for asked in ({"Cookie": cookie}, {"Cookie": f"{cookie}x"}, {}):
        told = player.send("GET", path, **asked)
        assert told.body == {"authenticated": False, "auth_method": None, "user": None}


# --- story 5: the chat, with the token where the client can put it ------------------------------


def _said(socket: ClientConnection) -> None:
    """Say something, and hear it back."""
    _frames(socket, 1)
    socket.send(json.dumps({"type": "user_message", "content": {"text": "Good evening."}}))
    assert _frames(socket, 4)[-1]["content"]["text"] == "Good evening."


def _chat(player: Player, query: str = "", *protocols: str) -> ClientConnection:
    where = f"ws://{player.gateway.host}:{player.gateway.port}/ws/chat{query}"
    return connect(where, subprotocols=[Subprotocol(one) for one in protocols] or None, proxy=None)


def test_the_chat_takes_the_token_in_header_query_and_subprotocol(
    player: Player, demo: Demonstration
) -> None:
    mine = player.names["player"]
    with player.chat() as socket:
        _said(socket)
    for query in (f"?token={player.token}", f"?token={player.token}&player_id={mine}&session_id=s"):
        with _chat(player, query) as socket:
            _said(socket)
    with _chat(player, "", "bearer", player.token) as socket:
        _said(socket)
        assert socket.subprotocol == "bearer"
    with Client(player.gateway.port) as client:
        assert client.get(b"/api/v1/health/liveness").status == 200
    assert wait_until(lambda: demo.gateway_log.count("/ws/chat") >= 4)
    assert [one for one in demo.gateway_log.splitlines() if player.token in one] == []
    assert player.token not in demo.errors


@pytest.mark.parametrize(
    ("query", "protocols"),
    [
        ("", ()),
        ("?token=none", ()),
        ("", ("bearer", "none")),
        ("?token={token}&player_id=somebody-else", ()),
        ("?token={token}&player_id={player}&player_id=somebody-else", ()),
        ("?token={token}&token={token}", ()),
    ],
)
def test_who_shows_no_good_token_gets_no_chat_and_a_page_hears_that_from_the_close(
    player: Player, query: str, protocols: tuple[str, ...]
) -> None:
    filled = query.format(token=player.token, **player.names)
    with _chat(player, filled, *protocols) as socket:
        told = json.loads(socket.recv(10))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(10)
    assert told["event_type"] == "help"
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


# --- stories 6 and 8: the heartbeat, and events that a page can show ---------------------------


def test_a_page_s_heartbeat_is_answered(player: Player) -> None:
    with player.chat() as socket:
        _frames(socket, 1)
        socket.send(json.dumps({"type": "ping", "timestamp": "2026-11-26T10:00:00Z"}))
        (pong,) = _frames(socket, 1)
    assert pong["type"] == "pong"
    assert pong["content"]["ping_timestamp"] == "2026-11-26T10:00:00Z"


def test_typing_and_progress_are_events_by_their_type(player: Player) -> None:
    with player.chat("?typing=1") as socket:
        _frames(socket, 1)
        socket.send(json.dumps({"type": "user_message", "content": {"text": "Good evening."}}))
        frames = _frames(socket, 6)
    events = [one for one in frames if "event" in one["content"]]
    (reply,) = [one for one in frames if one["role"] == "assistant"]
    assert len(events) == 5
    assert {one["type"] for one in events} == {"event"}
    assert [one["event_type"] for one in events] == [one["content"]["event"] for one in events]
    assert "typing" in [one["event_type"] for one in events]
    assert "type" not in reply


# --- errors: one body, and never a dead end -----------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "routing_not_found"),
        ("TRACE", "/api/v1/auth/me", 405, "routing_method_not_allowed"),
        ("GET", "/api//v1", 400, "routing_path_refused"),
        ("GET", "/api/v1/models/x", 503, "routing_service_missing"),
    ],
)
def test_an_error_of_the_gateways_own_can_be_shown_and_reported(
    gateway: Service, method: str, path: str, status: int, code: str
) -> None:
    told = gateway.call(method, path)
    problem = json.loads(told.body)
    assert told.fields["content-type"] == "application/problem+json"
    assert (told.status, problem["status"], problem["code"]) == (status, status, code)
    assert isinstance(problem["detail"], str)
    assert problem["message"] == problem["detail"]
    assert problem["correlation_id"] == told.fields["x-request-id"]


def test_the_id_that_a_client_gives_is_the_one_it_can_report(gateway: Service) -> None:
    with Client(gateway.port) as client:
        answer = client.get(b"/nowhere", fields=[(b"X-Request-ID", b"my-own.id:1")])
    assert answer.value(b"x-request-id") == b"my-own.id:1"
    assert json.loads(answer.body)["correlation_id"] == "my-own.id:1"


def test_a_services_own_id_never_stands_beside_ours(player: Player) -> None:
    with Client(player.gateway.port) as client:
        fields = [
            (b"Authorization", b"Bearer " + player.token.encode()),
            (b"X-Request-ID", b"mine"),
        ]
        assert client.get(b"/api/v1/worlds/", fields=fields).values(b"x-request-id") == [b"mine"]


def test_a_deletion_is_answered_without_a_body_and_the_connection_goes_on(player: Player) -> None:
    created = player.call("POST", "/api/v1/characters", NEW_CHARACTER).body["character_id"]
    authorization = (b"Authorization", b"Bearer " + player.token.encode())
    path = f"/api/v1/characters/{created}".encode()
    with Client(player.gateway.port) as client:
        client.ask(path, method=b"DELETE", fields=[authorization])
        deleted = client.answer(to=b"DELETE")
        after = client.get(path, fields=[authorization])
    assert (deleted.status, deleted.body) == (204, b"")
    assert deleted.values(b"content-length") == deleted.values(b"transfer-encoding") == []
    assert after.status == 404


@pytest.mark.parametrize("path", ["/api/v1/worlds/{world}/", "/api/v1/sessions/{session}/"])
@pytest.mark.parametrize("host", [b"platform.example", b"platform.example:8443"])
def test_a_redirect_of_a_service_leads_back_to_where_the_client_came(
    player: Player, path: str, host: bytes
) -> None:
    target = path.format(**player.names).encode()
    request = b"GET %b?a=b HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\n\r\n"
    with Client(player.gateway.port) as client:
        client.send(request % (target, host, player.token.encode()))
        answer = client.answer()
    assert answer.status == 307
    assert answer.value(b"location") == b"http://%b%b?a=b" % (host, target.rstrip(b"/"))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/worlds/", 405),
        ("/api/v1/auth/verify", 200),
        ("/api/v1/models/x", 503),
        ("/nowhere", 404),
        ("/api/v1/health/readiness", 405),
    ],
)
def test_a_head_request_is_answered_with_a_head_alone(
    player: Player, path: str, status: int
) -> None:
    authorization = (b"Authorization", b"Bearer " + player.token.encode())
    with Client(player.gateway.port) as client:
        client.ask(path.encode(), method=b"HEAD", fields=[authorization])
        assert client.answer(to=b"HEAD").status == status
        assert client.get(b"/api/v1/health/liveness").status == 200


# --- errors: what a service does to its connection ----------------------------------------------


def test_a_service_that_drops_connections_after_a_500_spoils_no_other_request(
    gateway: Service,
) -> None:
    connection = gateway.connection()
    told = [
        ask(connection, "GET", f"/api/v1/health/{name}").status
        for _ in range(ROUNDS)
        for name in ("readiness", "liveness")
    ]
    connection.close()
    assert told == [500, 200] * ROUNDS


def test_nor_does_it_spoil_one_that_may_not_be_repeated(player: Player) -> None:
    connection = player.gateway.connection()
    told = []
    for _ in range(ROUNDS):
        told.append(ask(connection, "GET", "/api/v1/health/readiness").status)
        verified = ask(connection, "POST", "/api/v1/auth/verify-token", token=player.token)
        told.append(verified.status)
    connection.close()
    assert told == [500, 200] * ROUNDS


# --- CORS: a page can read whatever is answered -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a page, and the status it gets."""

    status: int
    method: bytes
    target: bytes
    fields: tuple[Field, ...] = ()
    body: bytes = b""
    version: bytes = b"HTTP/1.1"

    def raw(self) -> bytes:
        """The bytes of it."""
        lines = [b"%b %b %b" % (self.method, self.target, self.version), b"Host: gateway.test"]
        fields = [b"%b: %b" % one for one in (ORIGIN, *self.fields)]
        return b"\r\n".join([*lines, *fields, b"", self.body])


JSON: Final = (b"Content-Type", b"application/json")
FROM_SERVICES: Final = [
    Asked(200, b"GET", b"/api/v1/health/liveness"),
    Asked(401, b"GET", b"/api/v1/worlds/"),
    Asked(401, b"POST", b"/api/v1/auth/logout"),
    Asked(
        401,
        b"POST",
        b"/api/v1/auth/login",
        (JSON, (b"Content-Length", b"33")),
        b'{"username": "x", "password":"y"}',
    ),
    Asked(405, b"HEAD", b"/api/v1/health/liveness"),
    Asked(422, b"POST", b"/api/v1/auth/login", (JSON, (b"Content-Length", b"2")), b"{}"),
    Asked(500, b"GET", b"/api/v1/health/readiness"),
]
FROM_THE_GATEWAY: Final = [
    Asked(400, b"GET", b"/api//v1"),
    Asked(404, b"GET", b"/nowhere"),
    Asked(405, b"TRACE", b"/api/v1/auth/me"),
    Asked(413, b"POST", b"/api/v1/auth/login", ((b"Content-Length", b"99999999"),)),
    Asked(503, b"GET", b"/api/v1/models/x"),
    Asked(400, b"POST", b"/api/v1/auth/login", ((b"Transfer-Encoding", b"chunked"),), b"no\r\n"),
]
MALFORMED: Final = [
    Asked(400, b"GET", b'/"quoted"'),
    Asked(400, b"POST", b"/x", ((b"Content-Length", b"1"), (b"Content-Length", b"2"))),
    Asked(414, b"GET", b"/" + b"a" * 9000),
    Asked(417, b"POST", b"/x", ((b"Expect", b"wonders"),)),
    Asked(431, b"GET", b"/x", ((b"Cookie", b"c" * 40_000),)),
    Asked(501, b"WISH", b"/x"),
    Asked(505, b"GET", b"/x", version=b"HTTP/2.0"),
]


def _answer(gateway: Service, asked: Asked) -> Answer:
    with Client(gateway.port) as client:
        client.send(asked.raw())
        return client.answer(to=asked.method)


def _name(asked: Asked) -> str:
    return f"{asked.status}-{asked.method.decode()}-{asked.target.decode()[:30]}"


@pytest.mark.parametrize("asked", [*FROM_SERVICES, *FROM_THE_GATEWAY], ids=_name)
def test_a_page_may_read_every_answer(gateway: Service, asked: Asked) -> None:
    answer = _answer(gateway, asked)
    assert answer.status == asked.status
    assert answer.values(b"access-control-allow-origin") == [PAGE]
    assert answer.values(b"access-control-allow-credentials") == [b"true"]
    assert b"origin" in b",".join(answer.values(b"vary")).lower()


@pytest.mark.parametrize("asked", MALFORMED, ids=_name)
def test_a_request_that_cannot_be_read_is_refused_with_a_problem(
    gateway: Service, asked: Asked
) -> None:
    answer = _answer(gateway, asked)
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"]) == (asked.status, asked.status)
    assert problem["correlation_id"].encode() == answer.value(b"x-request-id")
    assert isinstance(problem["message"], str)


@pytest.mark.parametrize("asked", MALFORMED, ids=_name)
def test_a_page_may_read_why_its_request_cannot_be_read(gateway: Service, asked: Asked) -> None:
    assert _answer(gateway, asked).values(b"access-control-allow-origin") == [PAGE]


@pytest.mark.parametrize("target", [b"/api/v1/worlds/", b"/nowhere", b"/api/v1/models/x"])
def test_a_preflight_is_answered_before_anybody_asks_for_a_token(
    gateway: Service, target: bytes
) -> None:
    fields = (
        (b"Access-Control-Request-Method", b"PUT"),
        (b"Access-Control-Request-Headers", b"authorization, content-type"),
    )
    answer = _answer(gateway, Asked(204, b"OPTIONS", target, fields))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.values(b"access-control-allow-origin") == [PAGE]
    assert b"PUT" in (answer.value(b"access-control-allow-methods") or b"")
    assert answer.value(b"access-control-allow-headers") == b"authorization, content-type"


def test_a_page_from_elsewhere_may_read_nothing(gateway: Service) -> None:
    with Client(gateway.port) as client:
        answer = client.get(
            b"/api/v1/health/liveness", fields=[(b"Origin", b"http://elsewhere.example")]
        )
    assert answer.status == 200
    assert answer.values(b"access-control-allow-origin") == []
