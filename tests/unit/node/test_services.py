"""What control knows of each service, put together."""

import msgspec
import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.known_services import ONE, OTHER, PLAYERS, THIRD, House
from tta_gateway.kernel.events import EndpointChanged
from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.kernel.standing import Instance, RefusedInstance, Stand, Standing, State
from tta_gateway.node.own_addresses import Own
from tta_gateway.node.remembered import Remembered
from tta_gateway.snapshot.model import Listener


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def looked_at() -> House:
    return House(checked=True)


def test_of_what_is_only_written_down_workers_need_not_be_told(house: House) -> None:
    assert house.states() is None


def test_what_a_registry_finds_is_asked_beside_what_is_written_down(house: House) -> None:
    house.found(9003)
    assert house.states() == {9001: "up", 9002: "up", 9003: "up"}
    assert (house.stand(9001).fresh, house.stand(9003).fresh) == (False, True)
    assert house.changes() == [("9003", "appeared", "registry")]


def test_what_a_registry_does_not_find_any_more_is_gone(house: House) -> None:
    house.found(9003, 9004)
    house.found(9004)
    assert house.states() == {9001: "up", 9002: "up", 9004: "up"}
    assert house.changes()[-1] == ("9003", "gone", "")


def test_what_drains_finishes_what_it_has(house: House) -> None:
    house.found(9003)
    house.found(9003, draining=True)
    assert house.states() == {9001: "up", 9002: "up", 9003: "draining"}
    assert house.changes()[-1] == ("9003", "draining", "registry")


def test_what_comes_later_is_asked_once_it_has_passed_a_check(looked_at: House) -> None:
    looked_at.found(9003)
    assert looked_at.states() == {9001: "unproved", 9002: "unproved", 9003: "starting"}
    looked_at.clock.advance(2.0)
    looked_at.services.checked("players", THIRD.name, "up", "")
    assert looked_at.stand(9003).state == "up"
    assert (looked_at.stand(9003).fresh, looked_at.stand(9003).since) == (
        True,
        looked_at.clock.wall(),
    )


def test_that_who_was_there_before_the_gateway_passes_is_no_news(looked_at: House) -> None:
    looked_at.services.checked("players", ONE.name, "up", "")
    assert looked_at.states() == {9001: "up", 9002: "unproved"}
    assert (looked_at.changes(), looked_at.stand(9001).fresh) == ([], False)


def test_nor_that_nobody_looks_at_them_any_more(looked_at: House) -> None:
    looked_at.services.adopt([looked_at.services.kept["players"].service], checked=lambda _: False)
    assert (looked_at.states(), looked_at.changes()) == (None, [])
    assert {one.state for one in looked_at.services.kept["players"].endpoints.values()} == {"up"}


def test_what_fails_its_checks_is_down_until_it_passes_again(looked_at: House) -> None:
    looked_at.services.checked("players", ONE.name, "down", "silence")
    assert looked_at.states() == {9001: "down", 9002: "unproved"}
    looked_at.services.checked("players", ONE.name, "down", "silence")
    looked_at.services.checked("players", ONE.name, "up", "")
    assert looked_at.changes() == [("9001", "down", "silence"), ("9001", "up", "")]
    assert (looked_at.stand(9001).fresh, looked_at.stand(9002).fresh) == (True, False)


def test_workers_are_told_what_a_service_lacks(house: House) -> None:
    house.services.depend("players", down=("database",), degraded=("mail",))
    standing = house.told["service/players"]
    assert standing is not None
    assert (standing.down, standing.degraded) == (("database",), ("mail",))
    house.services.depend("players", down=(), degraded=())
    assert house.told["service/players"] is None


def test_a_service_that_the_configuration_has_no_more_is_forgotten(house: House) -> None:
    house.found(9003)
    house.services.adopt([], checked=lambda _: False)
    assert (house.states(), house.services.kept) == (None, {})
    house.found(9003)  # and nobody minds a registry that still knows it
    house.services.checked("players", ONE.name, "down", "silence")
    house.services.depend("players", down=("a",), degraded=())
    assert house.states() is None


def test_a_change_of_the_configuration_keeps_what_is_known(looked_at: House) -> None:
    looked_at.services.checked("players", ONE.name, "down", "silence")
    looked_at.found(9003)
    after = Service(name="players", endpoints=(ONE,))
    looked_at.services.adopt([after], checked=lambda _: True)
    assert looked_at.states() == {9001: "down", 9003: "starting"}


def test_a_new_control_goes_on_with_what_the_one_before_it_knew(looked_at: House) -> None:
    looked_at.services.checked("players", ONE.name, "down", "silence")
    before = looked_at.told["service/players"]
    assert before is not None
    after = House(checked=True, live={"players": before, "unknown": before})
    assert after.told == {"service/players": before}  # nobody hears anything else meanwhile
    after.found(9003)
    assert after.states() == {9001: "down", 9002: "unproved", 9003: "starting"}
    assert after.stand(9001).since == looked_at.stand(9001).since


def test_a_new_control_knows_what_a_registry_had_found_when_it_is_found_again() -> None:
    up = Stand(
        endpoint=THIRD,
        state="up",
        since=5.0,
        fresh=True,
        ejected_until=9.0,
        cleared=4.0,
        source="registry",
        id="9003",
    )
    drained = Stand(endpoint=an_endpoint(9004), state="draining", source="registry", id="9004")
    live = {"players": Standing(endpoints=(up, drained), down=("database",), degraded=("mail",))}
    instances = (
        Instance(id="9003", endpoint=THIRD),
        Instance(id="9004", endpoint=an_endpoint(9004), draining=True),
    )
    found = {"players": Remembered(sources={"registry": instances})}
    after = House(checked=True, live=live, found=found)
    after.found(9003, 9004)
    assert after.stand(9003) == up
    assert after.stand(9004).state == "starting"
    assert after.changes() == []
    kept = after.services.kept["players"]
    assert (kept.down, kept.degraded) == (("database",), ("mail",))


def test_what_nobody_looks_at_any_more_is_not_down(looked_at: House) -> None:
    looked_at.services.checked("players", ONE.name, "down", "silence")
    looked_at.services.adopt([PLAYERS], checked=lambda _: False)
    assert looked_at.states() is None
    live = {"players": Standing(endpoints=(Stand(endpoint=ONE, state="down"),))}
    after = House(live=live)
    after.found(9003)
    assert after.states() == {9001: "up", 9002: "up", 9003: "up"}


def named(port: int = 9001) -> Endpoint:
    return Endpoint(host="players.local", port=port)


def resolved(address: str, port: int = 9001) -> Instance:
    endpoint = Endpoint(host=address, port=port, authority=f"players.local:{port}")
    return Instance(id=endpoint.name, endpoint=endpoint)


def test_a_host_of_the_configuration_gives_way_to_what_it_stands_for(house: House) -> None:
    house.services.adopt(
        [Service(name="players", endpoints=(named(), OTHER))], checked=lambda _: False
    )
    house.events.clear()
    house.services.resolved("players", "players.local:9001", (resolved("10.0.0.1"),))
    standing = house.told["service/players"]
    assert standing is not None
    names = [one.endpoint.name for one in standing.endpoints]
    assert sorted(names) == ["10.0.0.1:9001", "127.0.0.1:9002"]
    changes = [
        (one.endpoint, one.change) for one in house.events if isinstance(one, EndpointChanged)
    ]
    assert changes == [("players.local:9001", "gone"), ("10.0.0.1:9001", "appeared")]
    house.services.resolved("players", "players.local:9001", ())
    assert house.told["service/players"] is None
    house.services.resolved("players", "players.local:9001", ())
    house.services.resolved("unknown", "players.local:9001", ())


def test_where_a_host_has_moved_what_is_new_begins_slowly_beside_who_stays() -> None:
    house = House(checked=True)
    house.services.adopt([Service(name="players", endpoints=(named(),))], checked=lambda _: True)

    def states(*addresses: str) -> dict[str, State]:
        instances = tuple(resolved(one) for one in addresses)
        house.services.resolved("players", "players.local:9001", instances)
        standing = house.told["service/players"]
        assert standing is not None
        return {one.endpoint.host: one.state for one in standing.endpoints}

    assert states("10.0.0.1") == {"10.0.0.1": "unproved"}
    assert states("10.0.0.1", "10.0.0.2") == {"10.0.0.1": "unproved", "10.0.0.2": "starting"}
    assert states("10.0.0.3") == {"10.0.0.3": "unproved"}  # better than nobody


def test_who_speaks_of_a_service_is_known(house: House) -> None:
    assert list(house.services.sources()) == []
    house.found(9003)
    assert list(house.services.sources()) == [("players", "registry")]
    house.found()
    assert list(house.services.sources()) == []
    assert house.states() is None


NAMED = Service(name="players", endpoints=(named(), OTHER))


def test_what_registries_said_stays_in_force_for_the_next_control() -> None:
    house = House(service=NAMED)
    house.services.resolved("players", "players.local:9001", (resolved("10.0.0.1"),))
    house.found(9003, 9004)
    house.found(9003, draining=True)
    after = house.next(service=NAMED)
    before, again = house.told["service/players"], after.told["service/players"]
    assert before is not None
    assert again is not None
    assert set(again.endpoints) == set(before.endpoints)
    assert list(after.services.sources()) == [("players", "registry")]
    assert list(after.services.names()) == [("players", "players.local:9001")]
    assert [one.id for one in after.services.said("players", "registry")] == ["9003"]
    assert [one.id for one in after.services.said("players", "players.local:9001")] == [
        "10.0.0.1:9001"
    ]
    assert after.services.said("players", "dns") == after.services.said("none", "dns") == ()
    assert after.remembered == house.remembered


def test_and_for_a_gateway_that_knows_nothing_else_of_them() -> None:
    """As after a start of the whole: who was there before is asked until somebody has passed."""
    house = House(checked=True)
    house.found(9003)
    house.services.checked("players", THIRD.name, "up", "")
    found = {"players": house.remembered["players"] or Remembered()}
    after = House(checked=True, found=found)
    assert after.states() == {9001: "unproved", 9002: "unproved", 9003: "unproved"}


def test_a_name_with_capitals_is_the_same_name_for_the_next_control() -> None:
    """Red where it was known by its authority, which is in small letters."""
    endpoint = Endpoint(host="Players.Local", port=9001)
    service = Service(name="players", endpoints=(endpoint,))
    house = House(service=service)
    house.services.resolved("players", endpoint.name, (resolved("10.0.0.1"),))
    after = house.next(service=service)
    standing = after.told["service/players"]
    assert standing is not None
    assert [one.endpoint.name for one in standing.endpoints] == ["10.0.0.1:9001"]


def test_what_a_name_stood_for_is_spoken_to_as_the_configuration_has_it_now() -> None:
    house = House(service=NAMED)
    house.services.resolved("players", "players.local:9001", (resolved("10.0.0.1"),))
    endpoint = msgspec.structs.replace(named(), tls=True, weight=3)
    after = house.next(service=Service(name="players", endpoints=(endpoint,)))
    standing = after.told["service/players"]
    assert standing is not None
    (one,) = standing.endpoints
    assert (one.endpoint.host, one.endpoint.tls, one.endpoint.weight) == ("10.0.0.1", True, 3)


def test_a_name_that_the_configuration_has_no_more_is_not_put_back() -> None:
    house = House(service=NAMED)
    house.services.resolved("players", "players.local:9001", (resolved("10.0.0.1"),))
    after = house.next()
    assert (after.states(), list(after.services.names())) == (None, [])


def test_of_a_service_that_is_gone_nothing_is_remembered(house: House) -> None:
    house.found(9003)
    assert house.remembered["players"] is not None
    house.services.adopt([], checked=lambda _: False)
    assert house.remembered == {"players": None}


def test_whoever_wants_to_know_is_told_when_other_routes_are_declared(house: House) -> None:
    def declares(*paths: str, weight: int = 1, source: str = "consul") -> int:
        endpoint = Endpoint(host="127.0.0.1", port=9003, weight=weight)
        routes = tuple(Declared(path=path, auth="none") for path in paths)
        instances = (Instance(id="a", endpoint=endpoint, routes=routes),)
        house.services.found("players", source, instances)
        return house.redeclared

    told = [declares(), declares("/a"), declares("/a", weight=2), declares("/a", "/b"), declares()]
    assert told == [0, 1, 1, 2, 3]


def test_an_endpoint_that_is_checked_no_more_is_up_and_that_is_told() -> None:
    house = House(checked=True)
    house.services.checked("players", ONE.name, "down", "silent")
    house.services.adopt([PLAYERS], checked=lambda _: False)
    assert house.changes() == [
        ("9001", "down", "silent"),
        ("9001", "up", "it is not checked any more"),
    ]


def test_the_state_of_an_endpoint_can_be_asked(house: House) -> None:
    house.found(9003, draining=True)
    states = [house.services.state_of("players", one.name) for one in (ONE, THIRD)]
    assert states == ["up", "draining"]
    assert house.services.state_of("players", "127.0.0.1:1") is None
    assert house.services.state_of("nobody", ONE.name) is None


# The gateway's own addresses

ADMIN = an_endpoint(8081)
OWN = Own([Listener(host="127.0.0.1", port=8081)])


def told_of(*endpoints: Endpoint) -> tuple[Instance, ...]:
    return tuple(Instance(id=one.name, endpoint=one) for one in endpoints)


class Guarded(House):
    """Services of a gateway that knows where it is reached itself."""

    def __init__(self, *, own: Own | None = OWN) -> None:
        self.refused: list[RefusedInstance] = []
        super().__init__()
        self.services.left_out = self.refused.append
        self.adopt(own)

    def adopt(self, own: Own | None) -> None:
        self.services.adopt([PLAYERS], checked=lambda _: False, own=own)


@pytest.mark.parametrize("source", ["consul", "etcd", "kubernetes", "docker", "dns/players"])
def test_no_registry_names_an_address_of_the_gateway_itself(source: str) -> None:
    """Red with all that a source tells of being taken, in node/services.py."""
    house = Guarded()
    house.services.found("players", source, told_of(THIRD, ADMIN))
    assert house.states() == {9001: "up", 9002: "up", 9003: "up"}
    refused = RefusedInstance(
        source=source,
        service="players",
        endpoint="127.0.0.1:8081",
        reason="it is an address of the gateway itself",
    )
    assert (house.refused, house.services.refused(source)) == ([refused], [refused])
    house.services.found("players", source, told_of(ADMIN))
    assert house.states() == {9001: "up", 9002: "up"}
    assert house.refused == [refused]  # it is told once
    house.services.found("players", source, ())
    assert house.services.refused(source) == []


def test_what_routes_a_refused_instance_declares_is_of_no_interest() -> None:
    house = Guarded()
    house.services.found("players", "consul", told_of(THIRD, ADMIN))
    taken = dict(house.services.kept["players"].taken())
    assert taken["consul"] == told_of(THIRD)


def test_another_configuration_listens_elsewhere() -> None:
    house = Guarded(own=None)
    house.services.found("players", "consul", told_of(ADMIN))
    assert house.states() == {9001: "up", 9002: "up", 8081: "up"}
    house.adopt(OWN)
    assert house.states() == {9001: "up", 9002: "up"}
    assert [one.endpoint for one in house.refused] == ["127.0.0.1:8081"]
    house.adopt(Own())
    assert house.states() == {9001: "up", 9002: "up", 8081: "up"}
    assert house.services.refused("consul") == []


def test_the_operator_may_name_any_address() -> None:
    """What stands in the configuration is taken, and what a host there stands for."""
    own = Own(Listener(host="127.0.0.1", port=port) for port in (9001, 9003))
    house = Guarded(own=own)
    house.services.resolved("players", OTHER.name, told_of(THIRD))
    assert house.states() == {9001: "up", 9003: "up"}
    assert house.refused == []


# What would be spoken to in the clear

ELSEWHERE = Endpoint(host="10.0.0.7", port=9001)


@pytest.mark.parametrize("source", ["consul", "registration", "dns/players"])
def test_who_is_found_beyond_this_machine_is_not_spoken_to_in_the_clear(source: str) -> None:
    house = Guarded()
    encrypted = msgspec.structs.replace(ELSEWHERE, port=9002, tls=True)
    house.services.found("players", source, told_of(ELSEWHERE, encrypted))
    assert 9002 in (house.states() or {})
    (refused,) = house.refused
    assert (refused.source, refused.endpoint) == (source, "10.0.0.7:9001")
    assert "`plaintext: …`" in refused.reason
    assert house.services.refused(source) == [refused]


def test_with_a_reason_it_is_and_without_one_no_more() -> None:
    house = Guarded()
    house.services.found("players", "consul", told_of(ELSEWHERE))
    excused = msgspec.structs.replace(PLAYERS, plaintext=True)
    house.services.adopt([excused], checked=lambda _: False)
    assert house.services.refused("consul") == []
    house.services.adopt([PLAYERS], checked=lambda _: False)
    assert [one.endpoint for one in house.services.refused("consul")] == ["10.0.0.7:9001"]
