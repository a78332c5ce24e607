"""The registration API: who is let in, what is refused, what is answered."""

import hashlib
import json
from dataclasses import dataclass, field

import pytest

from tests.helpers.asgi import Answer, asked
from tests.helpers.register_store import a_registration
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.registration.api import OwnAddress, router
from tta_gateway.features.registration.bound import Caller, RegistrationBound, Token
from tta_gateway.features.registration.record import Registration, Subscription
from tta_gateway.features.registration.store import Away
from tta_gateway.kernel.route import Endpoint
from tta_gateway.node.public_api import PublicApp

PLACE = "/internal/v1/services/players/instances/a"
GOOD = "a-token-of-the-players"
POOR = "another-token-of-players"


def token(text: str, *routes: str, auth_none: bool = False, safety: bool = False) -> Token:
    return Token(
        digest=hashlib.sha256(text.encode()).digest(),
        services=("players", "worlds"),
        routes=routes,
        auth_none=auth_none,
        safety=safety,
    )


TOKENS = RegistrationBound(
    tokens=(token(POOR, "/api/"), token(GOOD, "/api/v1/players/", auth_none=True, safety=True))
)


@dataclass
class House:
    """Registrations that keep what they are told, behind the public app."""

    bound: RegistrationBound = TOKENS
    services: frozenset[str] = frozenset(("players",))
    cause: str = ""
    kept: dict[str, Registration] = field(default_factory=dict)
    owner: tuple[str, str] = ("", "")
    full: str = ""
    crowded: bool = False
    believed: bool = True
    away: bool = False
    graces: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        made = router(self, endpoint_of=endpoint_of, now=lambda: 7.0)
        self.app = PublicApp([made], bound=ProblemBound, failed=_fail)

    def of(self, service: str) -> list[Registration]:
        return [one for one in self.kept.values() if one.service == service]

    def conflict(self, one: Registration) -> tuple[str, str]:  # noqa: ARG002 - of the port
        return self.owner

    def is_full(self, one: Registration) -> bool:  # noqa: ARG002 - of the port
        return self.crowded

    def excess(self, one: Registration) -> str:  # noqa: ARG002 - of the port
        return self.full

    async def put(self, one: Registration) -> Registration:
        if self.away:
            raise Away("it is away")
        self.kept[one.name] = one
        return one

    async def drain(self, service: str, instance: str, *, grace: float) -> Registration | None:
        if self.away:
            raise Away("it is away")
        self.graces.append(grace)
        return self.kept.pop(f"{service}/{instance}", None)

    def asked(
        self, method: str, path: str = PLACE, body: object = None, *, shown: str = GOOD
    ) -> Answer:
        said = b"" if body is None else json.dumps(body).encode()
        fields = {"authorization": f"Bearer {shown}"} if shown else {}
        return asked(self.app, method, path, said, content_type="application/json", **fields)

    def put_of(self, shown: str = GOOD, **fields: object) -> Answer:
        return self.asked("PUT", body={"url": "http://127.0.0.1:9001", **fields}, shown=shown)


def endpoint_of(_: str, url: str) -> Endpoint:
    if url.endswith("8081"):
        raise OwnAddress(f"`{url}` is an address of the gateway itself")
    return Endpoint(host="127.0.0.1", port=9001, tls=url.startswith("https"))


def _fail(_: str, error: Exception) -> None:
    raise error


@pytest.fixture
def house() -> House:
    return House()


def test_an_instance_is_registered_with_what_it_says(house: House) -> None:
    answer = house.put_of(weight=3, lease=30, routes=[route("/api/v1/players/{id}", "GET")])
    assert answer.status == 200
    assert answer.json == {
        "service": "players",
        "id": "a",
        "url": "http://127.0.0.1:9001",
        "weight": 3,
        "state": "registered",
        "lease": 30.0,
        "renew_after": 10.0,
        "since": 7.0,
        "routes": ["GET /api/v1/players/{id}"],
        "subscriptions": {},
    }
    (one,) = house.kept.values()
    assert (one.endpoint.weight, one.draining, one.lease) == (3, False, 30.0)


def route(path: str, *methods: str, auth: str = "none") -> dict[str, object]:
    return {"path": path, "methods": list(methods), "auth": auth}


def asking(auth: str) -> dict[str, object]:
    return route("/api/v1/players/x", auth=auth)


def test_what_is_not_said_is_usual(house: House) -> None:
    assert house.put_of(POOR).json["renew_after"] == 5.0


@pytest.mark.parametrize(
    ("url", "state", "said"),
    [("https://a", "draining", "https://127.0.0.1:9001")],
)
def test_it_may_begin_draining(house: House, url: str, state: str, said: str) -> None:
    answer = house.put_of(url=url, draining=True).json
    assert (answer["state"], answer["url"]) == (state, said)


@pytest.mark.parametrize(
    ("shown", "status", "code"),
    [
        ("", 401, "registration_token_missing"),
        ("wrong", 401, "registration_token_unknown"),
    ],
)
def test_who_shows_no_token_is_told_to(house: House, shown: str, status: int, code: str) -> None:
    for method in ("PUT", "DELETE"):
        answer = house.asked(method, shown=shown)
        assert (answer.status, answer.json["code"]) == (status, code)
        assert answer.fields["www-authenticate"] == "Bearer"
        assert answer.fields["content-type"] == "application/problem+json"
    assert house.asked("GET", "/internal/v1/services/players", shown=shown).status == 401


def test_a_token_speaks_for_its_services_alone(house: House) -> None:
    for path in ("/internal/v1/services/chat/instances/a", "/internal/v1/services/chat"):
        answer = house.asked("PUT" if "instances" in path else "GET", path, {"url": "http://a"})
        assert (answer.status, answer.json["code"]) == (403, "registration_service_forbidden")


def test_a_service_that_has_gone_is_unknown(house: House) -> None:
    answer = house.asked("GET", "/internal/v1/services/worlds")
    assert (answer.status, answer.json["code"]) == (404, "registration_unknown")


@pytest.mark.parametrize(
    ("fields", "shown", "status", "code"),
    [
        ({"routes": [route("/api/v1/worlds")]}, GOOD, 403, "registration_route_forbidden"),
        ({"routes": [route("/api/v1/players/x")]}, POOR, 403, "registration_auth_forbidden"),
        ({"routes": [asking("optional")]}, POOR, 403, "registration_auth_forbidden"),
        ({"routes": [route("/api/v1/players/../x")]}, GOOD, 422, "registration_invalid"),
        ({"url": "http://127.0.0.1:8081"}, GOOD, 422, "registration_own_address"),
        ({"lease": 4}, GOOD, 422, "request_invalid"),
        ({"lease": 301}, GOOD, 422, "request_invalid"),
        ({"weight": 0}, GOOD, 422, "request_invalid"),
        ({"colour": "red"}, GOOD, 422, "request_invalid"),
    ],
)
def test_what_may_not_be_said_is_refused_by_its_code(
    house: House, fields: dict[str, object], shown: str, status: int, code: str
) -> None:
    answer = house.put_of(shown, **fields)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert house.kept == {}


@pytest.mark.parametrize("shown", [GOOD, POOR])
def test_routes_ask_for_a_token_where_one_is_believed(house: House, shown: str) -> None:
    for said in (asking("required"), {"path": "/api/v1/players/x"}):
        assert house.put_of(shown, routes=[said]).status == 200
    house.believed = False
    for said in (asking("required"), asking("optional"), {"path": "/api/v1/players/x"}):
        answer = house.put_of(shown, routes=[said])
        assert (answer.status, answer.json["code"]) == (422, "registration_no_issuer")
        assert "identity: {issuers" in answer.json["detail"]


def test_an_id_has_no_other_letters(house: House) -> None:
    path = "/internal/v1/services/players/instances/a b"
    answer = house.asked("PUT", path, {"url": "http://a"})
    assert (answer.status, answer.json["code"]) == (422, "registration_invalid")


def test_a_conflict_names_the_other(house: House) -> None:
    house.owner = "GET /a", "the service `worlds`"
    answer = house.put_of()
    assert (answer.status, answer.json["code"]) == (409, "registration_route_taken")
    assert answer.json["detail"] == "`GET /a` belongs to the service `worlds`."


def test_where_there_are_as_many_instances_as_may_be_it_is_told_so(house: House) -> None:
    house.crowded = True
    answer = house.put_of()
    assert (answer.status, answer.json["code"]) == (409, "registration_instances_full")
    assert answer.json["detail"] == "`players` has 1000 instances already."
    assert house.kept == {}


def test_where_there_is_no_room_for_its_routes_it_is_told_so(house: House) -> None:
    house.full = "a service may declare 200"
    answer = house.put_of()
    assert (answer.status, answer.json["code"]) == (409, "registration_routes_full")
    assert answer.json["detail"] == "The routes: a service may declare 200."
    assert house.kept == {}


def test_while_nothing_can_be_kept_it_says_when_to_come_again(house: House) -> None:
    house.away = True
    for answer in (house.put_of(), house.asked("DELETE")):
        assert (answer.status, answer.json["code"]) == (503, "registration_store_unavailable")
        assert answer.fields["retry-after"] == "2"


def test_who_leaves_is_draining_and_then_gone(house: House) -> None:
    house.kept["players/a"] = a_registration(draining=True)
    first, second = house.asked("DELETE"), house.asked("DELETE")
    assert (first.status, first.json["state"], second.status) == (202, "draining", 204)
    assert (second.body, house.graces) == (b"", [30.0, 30.0])


def test_a_list_says_how_far_it_can_be_believed(house: House) -> None:
    house.put_of()
    house.cause = "it is away"
    said = house.asked("GET", "/internal/v1/services/players").json
    assert (said["service"], said["current"], said["cause"]) == ("players", False, "it is away")
    assert [one["id"] for one in said["instances"]] == ["a"]


CALLER = "spiffe://tta/players"
CERTIFIED = RegistrationBound(
    tokens=TOKENS.tokens,
    callers=(Caller(id=CALLER, services=("players",), routes=("/api/v1/players/",)),),
)


def certified(house: House, name: str = CALLER, path: str = PLACE, **fields: str) -> Answer:
    body = json.dumps({"url": "http://127.0.0.1:9001"}).encode()
    fields = {"x-forwarded-client-cert": f"URI={name}", **fields}
    return asked(house.app, "PUT", path, body, content_type="application/json", **fields)


def test_a_certificate_speaks_for_its_service() -> None:
    house = House(CERTIFIED)
    assert certified(house).status == 200
    assert list(house.kept) == ["players/a"]
    other = certified(house, path=PLACE.replace("players", "worlds"))
    assert (other.status, other.json["code"]) == (403, "registration_service_forbidden")


def test_a_certificate_may_claim_what_is_said_of_it() -> None:
    house = House(CERTIFIED)
    body = json.dumps({"url": "http://a:1", "routes": [route("/other")]}).encode()
    shown = {"x-forwarded-client-cert": f"URI={CALLER}"}
    answer = asked(house.app, "PUT", PLACE, body, content_type="application/json", **shown)
    assert (answer.status, answer.json["code"]) == (403, "registration_route_forbidden")


@pytest.mark.parametrize("name", ["spiffe://tta/worlds", "", f"{CALLER}/x", f"{CALLER};URI=x"])
def test_a_service_that_is_not_named_registers_nothing(name: str) -> None:
    answer = certified(House(CERTIFIED), name)
    assert (answer.status, answer.json["code"]) == (403, "registration_caller_unknown")


def test_a_token_counts_before_a_certificate() -> None:
    house = House(CERTIFIED)
    worlds = PLACE.replace("players", "worlds")
    by_token = certified(house, path=worlds, authorization=f"Bearer {GOOD}")
    assert by_token.json["code"] == "registration_unknown"  # it may speak for them
    bad = certified(house, authorization="Bearer nonsense")
    assert (bad.status, bad.json["code"]) == (401, "registration_token_unknown")


def test_who_may_is_told_of_people_in_need_where_it_says(house: House) -> None:
    said = {"safety.*": "/events/crisis"}
    assert house.put_of(subscriptions=said).json["subscriptions"] == said
    (one,) = house.kept.values()
    assert one.subscriptions == (Subscription(events="safety.*", path="/events/crisis"),)


def test_nobody_listens_to_incidents_uninvited(house: House) -> None:
    answer = house.put_of(POOR, subscriptions={"safety.*": "/events/crisis"})
    assert (answer.status, answer.json["code"]) == (403, "registration_subscription_forbidden")
    assert house.kept == {}


@pytest.mark.parametrize("said", [{"other.*": "/x"}, {"safety.*": "x"}, {"safety.*": "http://h/"}])
def test_a_subscription_is_to_what_there_is_at_a_path(house: House, said: dict[str, str]) -> None:
    assert house.put_of(subscriptions=said).status == 422
    assert house.kept == {}
