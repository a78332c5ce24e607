"""The demonstration that runs: every route of it, every one of the gateway's own, by every caller.

The tables say who gets through without the code; what they do not list fails.  A caller is shut out
where the gateway itself says so (`identity_token_…`, `identity_key_…`, `access_…`, or no route);
whatever else comes back, a service or an endpoint has been asked.
"""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.demonstration import Demonstration, demonstration
from tests.helpers.issuing_gateway import PASSWORD
from tests.helpers.platform_table import (
    EVERYBODY,
    EXPECTED,
    METHODS,
    OPEN,
    OVERRIDES,
    SECRETS,
    SPELLINGS,
    STRANGER,
    filled,
)
from tests.helpers.slow import wait_until
from tta_gateway.node.routers import endpoints
from tta_gateway.settings.load import load
from tta_gateway.settings.public import forwarded, own_routes
from tta_gateway.settings.tree import Settings

pytestmark = pytest.mark.e2e

NOBODY: Final = "nobody"
FORGED: Final = "a forged token"
OPERATOR: Final = "the operator's token, elsewhere"
TICKET: Final = "a ticket, where none is taken"
KEY: Final = "an API key of a player's role"
SERVICE: Final = "a client's own token"
UNKNOWN: Final = frozenset((NOBODY, FORGED, OPERATOR, TICKET))
PROVED: Final = EVERYBODY | {KEY, SERVICE}
CALLERS: Final = UNKNOWN | PROVED
ROLE_OF: Final[Mapping[str, str]] = {KEY: "player", SERVICE: "service"}
PEOPLE: Final = EVERYBODY
"""Those who have logged in: control lets nobody else have what is theirs."""
ALL: Final = CALLERS
"""Those who are let in where no token is looked at."""
ANY: Final = PROVED | {NOBODY, TICKET}
"""Those who are let in where a token is looked at if there is one."""
_CLINICIANS: Final = frozenset({"therapist", "clinical_supervisor", "crisis_responder"})
AUTH: Final = "/api/v1/auth"
REALTIME: Final = "/api/v1/realtime"
OWN: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("POST", "/v1/drills"): ALL,  # who has no token of a drill hears of help there, and no more
    ("POST", f"{AUTH}/login"): ALL,
    ("POST", f"{AUTH}/refresh"): ALL,
    ("POST", f"{AUTH}/register"): ALL,
    ("POST", f"{AUTH}/ticket"): PEOPLE | {SERVICE},
    ("GET", f"{AUTH}/me"): PEOPLE,
    ("POST", f"{AUTH}/verify-token"): PEOPLE,
    ("GET", f"{AUTH}/verify"): PEOPLE,
    ("GET", f"{AUTH}/permissions"): PEOPLE,
    ("GET", f"{AUTH}/sessions"): PEOPLE,
    ("DELETE", f"{AUTH}/sessions/{{id}}"): PEOPLE,
    ("POST", f"{AUTH}/password"): PEOPLE,
    ("POST", f"{AUTH}/password/change"): PEOPLE,
    ("POST", f"{AUTH}/password/redeem"): ALL,
    ("GET", f"{AUTH}/roles"): PROVED,
    ("GET", f"{AUTH}/security/events"): PROVED,
    ("GET", f"{AUTH}/security/sessions"): PROVED,
    ("POST", f"{AUTH}/password/reset-request"): ANY,
    ("POST", f"{AUTH}/password/reset"): ANY,
    ("POST", f"{AUTH}/mfa/verify"): ALL,
    ("POST", f"{AUTH}/mfa/challenge"): ALL,
    ("POST", f"{AUTH}/step-up"): PEOPLE,
    ("POST", f"{AUTH}/mfa/setup"): PEOPLE,
    ("POST", f"{AUTH}/mfa/totp"): PEOPLE,
    ("POST", f"{AUTH}/mfa/totp/confirm"): ANY,
    ("POST", f"{AUTH}/mfa/webauthn/options"): PEOPLE,
    ("POST", f"{AUTH}/mfa/webauthn"): ANY,
    ("POST", f"{AUTH}/mfa/recovery-codes"): PEOPLE,
    ("GET", f"{AUTH}/mfa/factors"): PEOPLE,
    ("DELETE", f"{AUTH}/mfa/factors/{{id}}"): PEOPLE,
    ("GET", "/api/v1/openrouter/auth/status"): ALL,
    ("GET", "/openrouter/auth/status"): ALL,
    ("GET", "/.well-known/jwks.json"): ALL,
    ("GET", "/.well-known/oauth-authorization-server"): ALL,
    ("GET", "/.well-known/openid-configuration"): ALL,
    ("GET", "/oauth2/authorize"): ALL,
    ("POST", "/oauth2/authorize"): ALL,
    ("POST", "/oauth2/login"): ALL,
    ("POST", "/oauth2/token"): ALL,
    ("POST", "/oauth2/revoke"): ALL,
    ("POST", "/oauth2/introspect"): ALL,
    ("GET", "/api/v1/openapi.json"): ALL,
    ("GET", "/api/v1/limits"): ANY,
    ("GET", "/api/v1/access/glass"): _CLINICIANS,
    ("POST", "/api/v1/access/glass"): _CLINICIANS,
    ("DELETE", "/api/v1/access/glass/{id}"): _CLINICIANS,
    **dict.fromkeys(
        (
            ("POST", f"{REALTIME}/{call}")
            for call in (
                "publish",
                "broadcast",
                "history",
                "presence",
                "presence_stats",
                "disconnect",
                "unsubscribe",
                "batch",
                "post",
            )
        ),
        frozenset({"service", SERVICE}),
    ),
    ("GET", "/connection/websocket"): ALL,  # what its first message shows is looked at
    ("POST", "/connection/http_stream"): ALL,  # likewise
    ("GET", "/connection/sse"): ALL,
    ("POST", "/emulation"): ALL,  # the session's secret is looked at
    # These end the session of who asks, and stand last.
    ("POST", f"{AUTH}/logout"): PEOPLE | {SERVICE},
    ("POST", f"{AUTH}/logout-all"): PEOPLE,
}
PEOPLE_CHANGE: Final = frozenset({"admin", "clinical_supervisor"})
"""Those who propose and decide what two people change, each with a token of their own."""
CHANGES: Final = "/admin/v1/changes"
CLINICIANS: Final = frozenset({"therapist", "clinical_supervisor", "crisis_responder"})
"""Those who see incidents and act on them, therapists of their own patients."""
INCIDENTS: Final = "/admin/v1/incidents"
ERASURES: Final = "/admin/v1/erasures"
RECORDS: Final = "/admin/v1/error-records"
LETTERS: Final = "/admin/v1/realtime/dead-letters"
NOT_HERE: Final = {  # paths of one listener that another must not know
    "gateway": (
        "/metrics",
        "/healthz",
        "/readyz",
        "/admin/v1/node",
        "/admin/v1/users",
        "/api/../admin/v1/node",
        "/%61dmin/v1/node",
        "/internal/v1/services",
    ),
    "admin": (f"{AUTH}/me", f"{AUTH}/login", "/oauth2/token", "/api/v1/players", "/healthz"),
    "probe": ("/metrics", "/admin/v1/node", f"{AUTH}/me", "/api/v1/players"),
}
SHUT: Final = ("identity_token_", "identity_key_", "identity_no_person", "access_")
LET_IN: Final = frozenset(("access_glass_unknown",))
HIDDEN: Final = (401, 403, 404)
_WEAK: Final = '{"current_password": "x", "new_password": "y"}'
SENT: Final = {
    "/admin/v1/erasures": json.dumps({"person": "nobody/at-all", "reason": "a test of who may"}),
    "/admin/v1/error-records/{id}/read": json.dumps({"reason": "a test of who may"}),
    f"{AUTH}/password": _WEAK,
    f"{AUTH}/password/change": _WEAK,
    f"{AUTH}/ticket": '{"path": "/ws/chat"}',
    CHANGES: '{"kind": "roles", "change": {}, "reason": "to see who may ask for it"}',
    f"{INCIDENTS}/{{id}}/hand-over": '{"to": "somebody"}',
    **{f"{INCIDENTS}/{{id}}/{act}": '{"text": "a note"}' for act in ("notes", "resolve", "reopen")},
    f"{INCIDENTS}/{{id}}/evidence": '{"reason": "to see who may read it"}',
}
"""What is sent where `{}` would be refused before it is asked who it is."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its status, and the code of an error."""

    status: int
    code: str
    is_ours: bool = False
    """Whether the gateway words it: all that is known of an error without a body."""

    @property
    def is_shut(self) -> bool:
        if self.code in LET_IN:
            return False
        return self.code.startswith(SHUT) or (
            self.is_ours and not self.code and self.status in HIDDEN
        )


@dataclass(slots=True)
class House:
    """The demonstration, and who calls it: each with what they show, and their own name."""

    demo: Demonstration
    ports: dict[str, int]
    shown: dict[str, dict[str, str]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    open: dict[str, http.client.HTTPConnection] = field(default_factory=dict)
    asked: int = 0

    def say(
        self,
        method: str,
        path: str,
        caller: str = NOBODY,
        *,
        at: str = "gateway",
        body: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> tuple[Said, dict[str, object]]:
        """Ask, on a connection that stays open."""
        self.asked += 1
        connection = self.open.get(at)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[at], timeout=20)
            self.open[at] = connection
        ticket = self.shown["ticket"]["query"] if caller == TICKET else ""
        target = f"{path}{'&' if '?' in path else '?'}{ticket}" if ticket else path
        said = {**self.shown.get(caller, {}), **(fields or {})}
        if body is not None:
            said["content-type"] = "application/json"
        connection.request(method, target, body, said)
        try:
            answer = connection.getresponse()
        except http.client.RemoteDisconnected:  # it was idle for too long
            connection.request(method, target, body, said)
            answer = connection.getresponse()
        read = answer.read()
        told = json.loads(read) if read[:1] == b"{" else {}
        code = told.get("code", "") if answer.status >= 400 else ""
        is_ours = answer.headers.get_content_type() == "application/problem+json"
        return Said(answer.status, code if isinstance(code, str) else "", is_ours), told

    def ask(self, method: str, path: str, caller: str, **fields: str) -> Said:
        """Ask at the gateway, as somebody; a body says nothing."""
        body = SENT.get(path, "{}") if method in ("POST", "PUT", "PATCH") else None
        return self.say(method, path, caller, body=body, fields=fields)[0]

    def administer(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Do something as the operator."""
        sent = None if body is None else json.dumps(body)
        said, told = self.say(method, f"/admin/v1{path}", "operator", at="admin", body=sent)
        assert said.status < 300, (path, told)
        return told


def _token(token: object) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _introduced(house: House, state: Path) -> House:
    """Have all callers known, each with what they show."""
    operator = (state / "gateway" / "admin.token").read_text().strip()
    house.shown |= {"operator": _token(operator), OPERATOR: _token(operator)}
    wide = {"amount": 100_000}  # all callers come from one address, and each asks for everything
    house.administer("PUT", "/ratelimits/override?handle=gateway%20reset", wide)
    for role in sorted(EVERYBODY):
        body = {"username": f"one-{role.replace('_', '-')}", "password": PASSWORD, "roles": [role]}
        house.subjects[role] = str(house.administer("POST", "/users", body)["id"])
        account = json.dumps({"username": body["username"], "password": PASSWORD})
        said, told = house.say("POST", f"{AUTH}/login", body=account)
        assert said.status == 200, told
        house.shown[role] = _token(told["access_token"])
        again = house.say("POST", f"{AUTH}/login", body=account)[1]
        house.shown[f"{role} again"] = _token(again["access_token"])
    genuine = house.shown["player"]["authorization"]
    house.shown[FORGED] = {"authorization": f"{genuine[:-8]}AAAAAAAA"}
    made = house.administer("POST", "/apikeys", {"name": "matrix", "roles": ["player"]})
    house.shown[KEY], house.subjects[KEY] = {"x-api-key": str(made["key"])}, "key:matrix"
    client = house.administer(
        "POST", "/clients", {"name": "matrix", "kind": "confidential", "roles": ["service"]}
    )
    form = (
        f"grant_type=client_credentials&client_id={client['id']}&client_secret={client['secret']}"
    )
    connection = http.client.HTTPConnection("127.0.0.1", house.ports["gateway"], timeout=20)
    connection.request(
        "POST", "/oauth2/token", form, {"content-type": "application/x-www-form-urlencoded"}
    )
    told = json.loads(connection.getresponse().read())
    connection.close()
    house.shown[SERVICE] = _token(told["access_token"])
    house.subjects[SERVICE] = str(client["id"])
    ticket = house.say("POST", f"{AUTH}/ticket", "player", body='{"path": "/ws/chat"}')[1]
    house.shown["ticket"] = {"query": f"ticket={ticket['ticket']}"}
    return house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with demonstration(tmp_path_factory.mktemp("demonstration"), "--access", "1h") as demo:
        state = demo.folder / "state"
        settings = _settings(demo)
        ports = {
            "gateway": demo.port,
            "admin": int(str(settings.admin).rpartition(":")[2] or 0),
            "probe": int(str(settings.probe).rpartition(":")[2] or 0),
        }
        house = _introduced(House(demo, ports), state)
        yield house
        for connection in house.open.values():
            connection.close()


def _settings(demo: Demonstration) -> Settings:
    file = demo.folder / "state" / "gateway.yaml"
    return load(file, dict.fromkeys(SECRETS, "0123456789abcdef" * 4)).settings


def _named(path: str) -> str:
    return filled(path, "7").replace("{id}", "7")


# --- the sample platform -------------------------------------------------------------------------


def _role(caller: str) -> str:
    return ROLE_OF.get(caller, caller)


def _gets_through(caller: str, path: str, method: str, *, own: bool) -> bool:
    """Whether the table lets somebody through, to what is their own or to a stranger's."""
    who = EXPECTED[path][method]
    if who is OPEN:
        # One route of the platform's own looks at a token where there is one; the others at none.
        looks = path.startswith(AUTH)
        return caller in (ANY if looks else ALL)
    return caller in PROVED and _role(caller) in (who.own if own else who.any)


def _cases() -> Iterator[tuple[str, str, str, bool]]:
    for path, by_method in EXPECTED.items():
        if path in (f"{AUTH}/password/reset-request", f"{AUTH}/password/reset"):
            continue  # below, with those that the gateway makes itself
        for method, caller in product(by_method, sorted(CALLERS)):
            yield method, path, caller, False
            if "{player_id}" in path:
                yield method, path, caller, True


def test_each_caller_gets_through_to_the_platform_where_the_table_says(house: House) -> None:
    wrong = []
    for method, path, caller, own in _cases():
        person = house.subjects.get(caller, "no-one") if own else STRANGER
        said = house.ask(method, filled(path, person), caller)
        through = _gets_through(caller, path, method, own=own)
        if said.is_shut is through:
            wrong.append((method, path, caller, own, said))
    assert wrong == [], "\n".join(map(str, wrong))
    assert house.asked > 1500


def test_fields_that_ask_for_another_method_or_path_change_nothing(house: House) -> None:
    for name, path, caller in product(OVERRIDES, EXPECTED, ("player", "auditor", NOBODY)):
        method = "GET" if "GET" in EXPECTED[path] else next(iter(EXPECTED[path]))
        plain = house.ask(method, filled(path, STRANGER), caller)
        other = f"/api/v1/players/{house.subjects['player']}" if name.endswith("url") else "OPTIONS"
        said = house.ask(method, filled(path, STRANGER), caller, **{name: other})
        assert (said.status, said.code) == (plain.status, plain.code), (name, path, caller)


@pytest.mark.parametrize("caller", ["player", "admin", KEY, SERVICE, NOBODY])
def test_no_spelling_of_a_path_leads_to_anybody_elses_data(house: House, caller: str) -> None:
    own = house.subjects.get(caller, "no-one").replace(":", "%3A")
    for spelling, method in product(SPELLINGS, ("GET", "HEAD", "PUT", "DELETE")):
        target = spelling.replace("{other}", STRANGER).replace("{}", own)
        quoted = "".join(one if one.isascii() else "%C3%A9" for one in target)
        said = house.ask(method, quoted, caller)
        assert said.status in (400, 401, 403, 404, 405), (method, quoted, said)
        if method != "HEAD":  # which has no body to tell it
            known = ("routing_", "request_", "path_", "route_", "method_", "target_")
            assert said.is_shut or said.code.startswith(known), (method, quoted, said)


# --- the gateway's own ---------------------------------------------------------------------------


def test_the_table_has_every_endpoint_of_the_gateways_own(house: House) -> None:
    settings = _settings(house.demo)
    routes = [*own_routes(settings), *forwarded(settings)]
    assert {(method, one.path) for one in routes for method in one.methods} == OWN.keys()


def test_every_listener_knows_its_own_paths_alone(house: House) -> None:
    for at, paths in NOT_HERE.items():
        for path, caller in product(paths, sorted(CALLERS | {"operator"})):
            said, _ = house.say("GET", path, caller, at=at)
            assert said.status == 404, (at, path, caller, said)
    for path in ("/healthz", "/readyz"):
        for caller in sorted(CALLERS):
            assert house.say("GET", path, caller, at="probe")[0].status == 200


OPERATOR_HEARS: Final = {
    CHANGES: 409,
    "/admin/v1/ratelimits/bucket": 422,
    f"{LETTERS}/of": 422,
}
"""What is no 200: changes are off here, and whose bucket, and letters, has to be said."""


def test_the_administration_is_the_operators_and_nobody_elses(house: House) -> None:
    asked = partial(house.say, "GET", LETTERS, "operator", at="admin")
    assert wait_until(lambda: asked()[0].status == 200)  # the store is there a moment later
    for (method, path, _), caller in product(endpoints(), sorted(CALLERS - {OPERATOR})):
        body = SENT.get(path, "{}") if method in ("POST", "PUT") else None
        target = path.replace("{username}", "one-player").replace("{name}", "matrix")
        target = target.replace("{client}", "matrix").replace("{id}", "7").replace("{secret}", "7")
        override = {"x-http-method-override": "GET"}
        for fields in ({}, override):
            said, _ = house.say(method, target, caller, at="admin", body=body, fields=fields)
            is_change = path.startswith(CHANGES)
            if is_change and caller in PEOPLE_CHANGE:
                assert said.status in (200, 404, 409, 422), (method, path, caller, said)
            elif path.startswith(INCIDENTS) and caller in CLINICIANS:
                assert said.status in (200, 201, 400, 404, 409, 422), (method, path, caller, said)
            elif (path.startswith(ERASURES) and caller == "admin") or (
                path.startswith(RECORDS) and caller == "clinical_supervisor"
            ):
                assert said.status in (200, 201, 404, 422), (method, path, caller, said)
            else:
                assert said.status in (401, 403), (method, path, caller, said)
        if method == "GET" and "{" not in path:
            said, _ = house.say("GET", path, "operator", at="admin")
            assert said.status == OPERATOR_HEARS.get(path, 200), path


def test_each_caller_gets_through_to_the_gateways_own_where_the_table_says(house: House) -> None:
    wrong = []
    for (method, path), who in OWN.items():
        for caller in sorted(CALLERS):
            for other in () if path.endswith(("/logout", "/logout-all")) else METHODS:
                if other in ("HEAD", method) or (other, path) in OWN:
                    continue
                said = house.ask(other, _named(path), caller)
                # Under this prefix the platform's own open route takes what the gateway does not.
                if other == "OPTIONS" and said.status == 204:
                    continue  # the gateway says which methods there are
                is_platforms = path.startswith(f"{AUTH}/")
                if (
                    said.is_shut is (caller in ANY)
                    if is_platforms
                    else said.status not in (404, 405)
                ):
                    wrong.append((other, path, caller, said))
            again = f"{caller} again" if path.endswith("/logout") else ""
            said = house.ask(method, _named(path), again if again in house.shown else caller)
            if said.is_shut is (caller in who):
                wrong.append((method, path, caller, said))
    assert wrong == [], "\n".join(map(str, wrong))
