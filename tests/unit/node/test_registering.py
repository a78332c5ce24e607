"""Where the registration feature meets control: what may be registered, and what is under way."""

from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.registration.api import OwnAddress, Unencrypted
from tta_gateway.kernel.events import EndpointSeen, Event, RegistryChanged
from tta_gateway.kernel.registered import REGISTRATION, Registered
from tta_gateway.kernel.route import Service, ServiceTls
from tta_gateway.kernel.standing import Instance, Standing
from tta_gateway.node.own_addresses import own_of
from tta_gateway.node.registering import EndpointOf, Outside
from tta_gateway.node.services import Services
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.support.bus import Bus

ONE = an_endpoint(9001)


class House:
    """A node's services, and what it tells."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.bus = Bus()
        self.told: dict[str, msgspec.Struct | None] = {}
        findings = cast("Any", self)
        self.services = Services(findings, self.bus, wall=self.clock.wall)
        self.services.adopt([Service(name="players", endpoints=())], checked=lambda _: False)
        self.alive = {"worker 1"}
        self.outside = Outside(
            self.services,
            findings,
            self.bus,
            clock=self.clock,
            log=findings,
            workers=lambda: self.alive,
        )
        self.logged: list[str] = []

    def event(self, name: str, **_: object) -> None:
        self.logged.append(name)

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.told[name] = finding

    def registered(self, *, draining: bool) -> None:
        instances = (Instance(id="a", endpoint=ONE, draining=draining),)
        self.outside.found("players", REGISTRATION, instances)

    def seen(
        self, in_flight: int, by: str = "worker 1", *, draining: bool = True, age: float = 0.0
    ) -> None:
        self.bus.publish(
            EndpointSeen(
                service="players",
                endpoint=ONE.name,
                weight=1.0,
                ratio=1.0,
                in_flight=in_flight,
                open=1,
                at=self.clock.wall() - age,
                by=by,
                draining=draining,
            )
        )

    def in_flight(self) -> int | None:
        return self.outside.in_flight("players", ONE.name)


@pytest.fixture
def house() -> House:
    return House()


def test_instances_become_endpoints(house: House) -> None:
    house.registered(draining=True)
    standing = house.told["service/players"]
    assert isinstance(standing, Standing)
    assert [(one.endpoint, one.state) for one in standing.endpoints] == [(ONE, "draining")]


def test_sections_and_events_are_passed_on(house: House) -> None:
    events: list[Event] = []
    house.bus.subscribe(events.append)
    event = RegistryChanged(provider=REGISTRATION, reachable=False, at=1.0)
    house.outside.publish(event)
    house.outside.put("routes/registered", Registered(routes=()))
    assert (events, house.told["routes/registered"]) == ([event], Registered(routes=()))
    assert house.logged == ["registry_unreachable"]


def test_nothing_is_under_way_where_nobody_asks(house: House) -> None:
    assert house.in_flight() == 0
    assert house.outside.in_flight("worlds", ONE.name) == 0


def test_of_one_that_does_not_drain_nothing_is_said(house: House) -> None:
    house.registered(draining=False)
    house.seen(0)
    assert house.in_flight() is None


ONE_WORKER, BOTH = {"worker 1"}, {"worker 1", "worker 2"}


@pytest.mark.parametrize(
    ("alive", "said", "in_flight"),
    [
        (ONE_WORKER, [], None),
        (ONE_WORKER, [(0, "worker 1", 0.0, True)], 0),
        (ONE_WORKER, [(2, "worker 1", 0.0, True)], 2),
        (ONE_WORKER, [(2, "worker 1", 0.9, True), (0, "worker 1", 0.0, True)], 0),
        (BOTH, [(0, "worker 1", 0.0, True)], None),
        (BOTH, [(0, "worker 1", 0.0, True), (0, "worker 2", 1.1, True)], None),
        (BOTH, [(0, "worker 1", 0.0, True), (0, "worker 2", 0.0, False)], None),
        (BOTH, [(0, "worker 1", 0.0, True), (0, "worker 3", 0.0, True)], None),
        (BOTH, [(0, "worker 1", 0.0, True), (0, "worker 2", 0.9, True)], 0),
        (BOTH, [(2, "worker 1", 0.0, True), (1, "worker 2", 0.0, True)], 3),
        (ONE_WORKER, [(0, "worker 1", 0.0, True), (1, "worker 2", 0.0, True)], 1),
        (set[str](), [(0, "worker 1", 0.0, True)], None),
    ],
)
def test_what_is_under_way_is_known_when_every_worker_that_lives_has_said_it_lately(
    house: House,
    alive: set[str],
    said: list[tuple[int, str, float, bool]],
    in_flight: int | None,
) -> None:
    """`said` are: how much, by whom, how long ago, and whether it knows that the endpoint drains.

    Red with the words of one worker taken for those of all, in node/registering.py.
    """
    house.registered(draining=True)
    house.alive = alive
    for number, by, age, draining in said:
        house.seen(number, by, draining=draining, age=age)
    assert house.in_flight() == in_flight


SNAPSHOT = Snapshot(
    version=1,
    state_dir="/var/lib/tta",
    admin=Listener(host="127.0.0.1", port=8081),
    listeners=(
        Listener(host="0.0.0.0", port=8080),
        Listener(host="gateway.example", port=8443),
        Listener(unix="/run/gateway.sock"),
    ),
    services=(),
    routes=(),
)
SERVICES = {
    "players": Service(name="players", endpoints=(), plaintext=True),
    "chat": Service(name="chat", endpoints=(), tls=ServiceTls()),
}
ENDPOINT_OF = EndpointOf(lambda: own_of(SNAPSHOT), SERVICES.get)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8081",
        "http://localhost:8081",
        "http://0.0.0.0:8081",
        "http://127.0.0.1:8080",
        "http://gateway.example:8443",
        "unix:/var/lib/tta/control.sock",
        "unix:/var/lib/tta/../tta/valkey/state.sock",
        "unix:/run/gateway.sock",
    ],
)
def test_nobody_registers_the_gateway_itself(url: str) -> None:
    with pytest.raises(OwnAddress, match="an address of the gateway itself"):
        ENDPOINT_OF("players", url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:9001", "127.0.0.1:9001"),
        ("http://10.0.0.7:8081", "10.0.0.7:8081"),
        ("http://players.example:8080", "players.example:8080"),
        ("unix:/run/players.sock", "unix:/run/players.sock"),
    ],
)
def test_any_other_address_is_good(url: str, name: str) -> None:
    assert ENDPOINT_OF("players", url).name == name


def test_tls_is_spoken_where_the_operator_has_said_how() -> None:
    assert ENDPOINT_OF("chat", "https://10.0.0.7:9001").tls
    with pytest.raises(ValueError, match="how TLS is spoken to `players`"):
        ENDPOINT_OF("players", "https://10.0.0.7:9001")


@pytest.mark.parametrize("host", ["10.0.0.7", "players.example", "[2001:db8::7]", "0.0.0.1"])
def test_beyond_this_machine_nobody_is_spoken_to_in_the_clear_without_a_reason(host: str) -> None:
    with pytest.raises(Unencrypted, match="nothing would be encrypted"):
        ENDPOINT_OF("chat", f"http://{host}:9001")


@pytest.mark.parametrize("url", ["http://127.0.0.2:9001", "http://localhost:9001", "unix:/run/c"])
def test_on_this_machine_everybody_is(url: str) -> None:
    assert not ENDPOINT_OF("chat", url).tls


def test_what_is_no_url_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="must be the URL of an endpoint"):
        ENDPOINT_OF("players", "10.0.0.7")
