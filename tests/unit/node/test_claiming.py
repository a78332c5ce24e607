"""Where routes that services declare, wherever they do, become routes of the workers."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import an_endpoint
from tta_gateway.features.discovery.bound import DiscoveryBound, Wanted
from tta_gateway.features.identity.bound import IdentityBound, Issuer
from tta_gateway.features.registration.bound import RegistrationBound, Token
from tta_gateway.kernel.registered import REGISTRATION, SECTION, Declared, Registered
from tta_gateway.kernel.route import Auth, Breaker, Route, Service
from tta_gateway.kernel.standing import Instance
from tta_gateway.node.claiming import REST, Claiming, Later, in_a_later_turn, nobody
from tta_gateway.node.own_addresses import Own
from tta_gateway.node.services import Services
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.bus import Bus

LIVE = Wanted(routes=("/live/",), auth_none=True)
TOKENS = RegistrationBound(
    tokens=(Token(digest=b"", services=("players",), routes=("/live/",), auth_none=True),)
)
LIKE = Route(name="/", path="/", service="players", breaker=Breaker(failures=7))
FOUND = DiscoveryBound(services={"players": LIVE, "worlds": LIVE}, likes={"players": LIKE})


class House:
    """Services of a node, and what they declare."""

    def __init__(self, later: Later = nobody) -> None:
        self.puts = 0
        self.told: dict[str, msgspec.Struct | None] = {}
        self.lines: list[dict[str, object]] = []
        me = cast("Any", self)
        self.services = Services(me, Bus(), wall=lambda: 0.0)
        self.claiming = Claiming(self.services, me, me, later=later)
        self.adopt()

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.told[name] = finding
        self.puts += name == SECTION

    def event(self, name: str, **fields: object) -> None:
        assert name == "declared_route_refused"
        self.lines.append(fields)

    def adopt(
        self,
        bound: DiscoveryBound | None = FOUND,
        *routes: Route,
        names: tuple[str, ...] = ("players", "worlds"),
        registration: RegistrationBound | None = TOKENS,
        identity: IdentityBound | None = None,
    ) -> None:
        """Have a configuration in force."""
        services = tuple(Service(name=name, endpoints=()) for name in names)
        self.services.adopt(services, checked=lambda _: False)
        features = {"discovery": bound, "registration": registration, "identity": identity}
        snapshot = Snapshot(
            version=1,
            state_dir="/var/lib/tta",
            listeners=(),
            services=services,
            routes=routes,
            features={
                name: msgspec.Raw(msgspec.msgpack.encode(one))
                for name, one in features.items()
                if one is not None
            },
        )
        self.claiming.adopt(parted(snapshot))

    def declares(
        self,
        *paths: str,
        service: str = "players",
        source: str = "consul",
        since: float = 0.0,
        port: int = 9001,
        auth: Auth = "none",
    ) -> None:
        """Have an instance of a service declare these, and nothing else."""
        routes = tuple(Declared(path=path, auth=auth) for path in paths)
        one = Instance(id="a", endpoint=an_endpoint(port), routes=routes, since=since)
        self.services.found(service, source, (one,))

    def routes(self) -> list[tuple[str, str]]:
        section = self.told[SECTION]
        assert section is None or isinstance(section, Registered)
        return [] if section is None else [(one.service, one.path) for one in section.routes]

    def reasons(self, source: str = "consul") -> list[tuple[str, str, str]]:
        refused = self.claiming.refused(source)
        return [(one.service, one.route, one.reason) for one in refused]


@pytest.fixture
def house() -> House:
    return House()


def test_a_route_is_there_as_long_as_an_instance_declares_it(house: House) -> None:
    assert house.routes() == []
    house.declares("/live/{id}")
    assert house.routes() == [("players", "/live/{id}")]
    section = house.told[SECTION]
    assert isinstance(section, Registered)
    assert section.routes[0].breaker == Breaker(failures=7)
    assert house.claiming.had("consul") == [("players", "/live/{id}")]
    house.services.found("players", "consul", ())
    assert (house.routes(), house.claiming.had("consul")) == ([], [])


@pytest.mark.parametrize("bound", [None, DiscoveryBound(services={"players": Wanted()}), FOUND])
def test_only_what_the_operator_allows_is_taken(house: House, bound: DiscoveryBound | None) -> None:
    house.adopt(bound)
    house.declares("/else")
    assert house.routes() == []
    reason = "`/else` is below none of its prefixes"
    assert house.reasons() == [("players", "/else", reason)]
    expected = {"source": "consul", "service": "players", "route": "/else", "error": reason}
    assert house.lines == [expected]


def test_what_is_refused_is_told_once_and_again_when_it_comes_again(house: House) -> None:
    house.declares("/else")
    house.declares("/else", "/live/a")
    house.adopt()
    assert len(house.lines) == 1
    house.declares("/live/a")
    assert house.reasons() == []
    house.declares("/else")
    assert len(house.lines) == 2


def a_token(*routes: str, auth_none: bool = True, service: str = "players") -> Token:
    return Token(digest=b"", services=(service,), routes=routes, auth_none=auth_none)


def registering(*tokens: Token) -> RegistrationBound:
    return RegistrationBound(tokens=tokens, likes={"players": LIKE})


def test_who_registers_has_what_some_token_of_the_service_may_claim(house: House) -> None:
    house.adopt(None, registration=registering(a_token("/one/"), a_token("/other/")))
    house.declares("/one/a", "/other/a", source=REGISTRATION, since=5.0)
    assert house.routes() == [("players", "/one/a"), ("players", "/other/a")]
    had = [("players", "/one/a"), ("players", "/other/a")]
    assert house.claiming.had(REGISTRATION) == had


PLACE = "`/live/a` is below none of its prefixes"
OPEN = (
    "`/live/a` would let everybody in (`auth: none`), and the operator has not allowed that "
    "(`auth_none: true`)"
)


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        ((a_token("/else/"),), PLACE),
        ((a_token("/live/", service="worlds"), a_token("/else/")), PLACE),
        ((), PLACE),
        ((a_token("/live/", auth_none=False), a_token("/else/")), OPEN),
    ],
)
def test_what_no_token_may_claim_any_more_is_no_route(
    house: House, tokens: tuple[Token, ...], reason: str
) -> None:
    """Red with registrations not looked at again, in node/claiming.py."""
    house.adopt(None, registration=registering(a_token("/live/")))
    house.declares("/live/a", source=REGISTRATION, since=5.0)
    assert house.routes() == [("players", "/live/a")]
    house.adopt(None, registration=registering(*tokens))
    assert house.routes() == []
    assert house.reasons(REGISTRATION) == [("players", "/live/a", reason)]


BELIEVED = IdentityBound(issuers=(Issuer(name="home"),))


@pytest.mark.parametrize("source", ["consul", REGISTRATION])
@pytest.mark.parametrize("auth", ["required", "optional"])
def test_a_route_that_asks_for_a_token_is_there_as_long_as_one_is_believed(
    house: House, source: str, auth: Auth
) -> None:
    """Red with whether any is believed not looked at, in node/claiming.py."""
    house.adopt(identity=BELIEVED)
    house.declares("/live/a", source=source, since=5.0, auth=auth)
    section = house.told[SECTION]
    assert isinstance(section, Registered)
    assert [(one.path, one.auth) for one in section.routes] == [("/live/a", auth)]
    house.adopt(identity=IdentityBound())
    assert house.told[SECTION] is None
    (reason,) = house.reasons(source)
    assert reason[:2] == ("players", "/live/a")
    assert "write `identity: {issuers: […]}`" in reason[2]
    assert [one["error"] for one in house.lines] == [reason[2]]
    house.adopt(identity=BELIEVED)
    assert (house.routes(), house.reasons(source)) == ([("players", "/live/a")], [])


def test_what_may_not_be_claimed_keeps_nobody_else_from_it(house: House) -> None:
    house.declares("/live/a", source=REGISTRATION, since=5.0)
    house.declares("/live/a", service="worlds")
    house.adopt(registration=registering())
    assert house.routes() == [("worlds", "/live/a")]


def test_of_an_instance_that_is_not_taken_no_route_is(house: House) -> None:
    house.declares("/live/a")
    own = Own([Listener(host="127.0.0.1", port=9001)])
    house.services.adopt([Service(name="players", endpoints=())], checked=lambda _: False, own=own)
    house.adopt(names=("players",))
    assert house.routes() == []


def test_who_registers_comes_first_and_the_operator_before_everybody(house: House) -> None:
    house.declares("/live/a", service="worlds")
    assert house.routes() == [("worlds", "/live/a")]
    house.declares("/live/a", source=REGISTRATION, since=5.0)
    assert house.routes() == [("players", "/live/a")]
    assert house.reasons() == [
        ("worlds", "/live/a", "`/live/a` belongs to the service `players`"),
    ]
    house.adopt(FOUND, Route(name="mine", path="/live/{x}"), Route(name="own", path="/live/a"))
    assert house.routes() == []
    owner = "`/live/a` belongs to the operator, by the route `own`"
    assert house.reasons(REGISTRATION) == [("players", "/live/a", owner)]
    house.adopt(FOUND, Route(name="inside", path="/live/a", internal=True))
    assert house.routes() == [("players", "/live/a")]


def test_an_instance_that_moves_to_the_gateway_itself_takes_its_routes_with_it(
    house: House,
) -> None:
    """Red with what it declares compared, whether it is taken or not, in node/services.py."""
    own = Own([Listener(host="127.0.0.1", port=9002)])
    house.services.adopt([Service(name="players", endpoints=())], checked=lambda _: False, own=own)
    house.adopt(names=("players",))
    house.declares("/live/a")
    assert house.routes() == [("players", "/live/a")]
    house.declares("/live/a", port=9002)
    assert house.routes() == []
    house.declares("/live/a")
    assert house.routes() == [("players", "/live/a")]


def test_another_configuration_allows_less(house: House) -> None:
    house.declares("/live/a")
    house.adopt(DiscoveryBound(services={"players": Wanted(routes=("/dead/",), auth_none=True)}))
    assert house.routes() == []
    house.adopt()
    assert house.routes() == [("players", "/live/a")]
    house.adopt(names=("worlds",))
    assert house.routes() == []


class Turns:
    """What is done later, when it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, Callable[[], None]]] = []

    def later(self, delay: float, work: Callable[[], None]) -> bool:
        self.asked.append((delay, work))
        return True

    def next(self) -> float:
        """Do what comes next, and return after what delay."""
        delay, work = self.asked.pop(0)
        work()
        return delay


def much_is_declared(house: House) -> None:
    """More than is looked at in one turn."""
    for source in ("consul", "docker", "etcd"):
        house.declares(*(f"/live/{at}" for at in range(100)), source=source)


def test_what_many_declare_in_one_turn_is_put_together_once() -> None:
    turns = Turns()
    names = tuple(f"s{at}" for at in range(300))
    house = House(turns.later)
    wanted = Wanted(routes=("/",), auth_none=True)
    house.adopt(DiscoveryBound(services=dict.fromkeys(names, wanted)), names=names)
    before = house.puts
    for name in names:
        house.declares(f"/{name}", service=name)
    assert (house.puts, house.routes()) == (before, [])
    while house.puts == before:
        assert turns.next() == 0.0
    assert (house.puts, len(house.routes())) == (before + 1, 300)
    assert turns.next() == REST
    assert turns.asked == []


def test_little_is_put_together_in_the_next_turn_whenever_it_changes() -> None:
    turns = Turns()
    house = House(turns.later)
    for path in ("/live/a", "/live/b"):
        house.declares(path)
        assert turns.next() == 0.0
        assert (house.routes(), turns.asked) == ([("players", path)], [])


def test_what_changes_soon_after_much_of_it_waits_and_then_nobody_looks_again() -> None:
    turns = Turns()
    house = House(turns.later)
    much_is_declared(house)
    while len(turns.asked) == 1 and turns.asked[0][0] == 0.0:
        turns.next()
    assert len(house.routes()) == 100
    house.declares("/live/new", service="worlds")
    house.declares("/live/newer", service="worlds")
    assert ("worlds", "/live/newer") not in house.routes()
    assert turns.next() == REST
    while turns.asked[0][0] == 0.0:
        turns.next()
    assert [one for one in house.routes() if one[0] == "worlds"] == [("worlds", "/live/newer")]
    assert (turns.next(), turns.asked) == (REST, [])
    house.declares("/live/a", service="worlds")
    assert turns.next() == 0.0


def test_a_configuration_is_gone_by_at_once_and_looks_at_what_has_changed_too() -> None:
    turns = Turns()
    house = House(turns.later)
    house.declares("/live/a")
    house.adopt()
    puts = house.puts
    assert house.routes() == [("players", "/live/a")]
    turns.next()
    assert (house.puts, turns.asked) == (puts, [])


def test_much_takes_several_turns_and_what_changes_meanwhile_comes_with_the_next() -> None:
    turns = Turns()
    house = House(turns.later)
    much_is_declared(house)
    turns.next()
    assert [delay for delay, _ in turns.asked] == [0.0]  # it goes on
    house.declares("/live/new", service="worlds")
    while turns.asked:
        assert ("worlds", "/live/new") not in house.routes()
        if turns.next() == REST:
            break
    while turns.asked:
        turns.next()
    assert ("worlds", "/live/new") in house.routes()
    assert len(house.claiming.had("etcd")) == 100


def test_a_configuration_that_comes_between_two_turns_counts() -> None:
    turns = Turns()
    house = House(turns.later)
    much_is_declared(house)
    turns.next()
    assert house.routes() == []
    house.adopt(DiscoveryBound(services={"players": Wanted(routes=("/live/1",), auth_none=True)}))
    assert house.routes() == [("players", "/live/1")]
    house.declares("/live/1", "/live/2", source="etcd")
    while turns.asked:
        turns.next()
    assert house.routes() == [("players", "/live/1")]
    assert house.claiming.had("etcd") == [("players", "/live/1")]


def test_a_later_turn_is_one_of_the_loop_and_without_one_there_is_none() -> None:
    done: list[str] = []
    assert not in_a_later_turn(0.0, lambda: done.append("never"))

    async def turns() -> None:
        come = asyncio.Event()
        assert in_a_later_turn(0.0, come.set)
        assert not come.is_set()
        await asyncio.wait_for(come.wait(), 5.0)
        done.append("later")

    asyncio.run(turns())
    assert done == ["later"]
