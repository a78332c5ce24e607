"""What control keeps of registrations, and tells the workers."""

import asyncio

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.register_store import RegisterStore, a_registration
from tta_gateway.features.registration.bound import RegistrationBound, Token
from tta_gateway.features.registration.record import SECTION, Register, section
from tta_gateway.features.registration.service import PAUSE, Registrations
from tta_gateway.features.registration.store import Away
from tta_gateway.kernel.events import Event, RegistryChanged
from tta_gateway.kernel.registered import REGISTRATION, Declared
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.standing import Instance

ON = RegistrationBound(tokens=(Token(digest=b"", services=("players",)),))
BOTH = RegistrationBound(tokens=(Token(digest=b"", services=("players", "worlds")),))
KNOWN = section("players")
A = (Declared(path="/a", auth="none"),)


class House:
    """Registrations of a node, and what they have told."""

    def __init__(self, store: RegisterStore | None = None, *, node: str = "one") -> None:
        self.clock = store.clock if store else FakeClock()
        self.store = store or RegisterStore(self.clock)
        self.wall, self.monotonic = self.clock.wall, self.clock.monotonic
        self.instances: dict[str, tuple[Instance, ...]] = {}
        self.sections: dict[str, msgspec.Struct | None] = {}
        self.events: list[Event] = []
        self.busy: int | None = 0
        self.made = Registrations(self.store, self, node=node)
        self.made.adopt(ON, ["players"], ())

    def found(self, service: str, source: str, instances: tuple[Instance, ...]) -> None:
        assert source == REGISTRATION
        self.instances[service] = instances
        if not instances:
            del self.instances[service]

    def registered(self) -> list[str]:
        return list(self.instances)

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.sections[name] = finding

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def in_flight(self, service: str, endpoint: str) -> int | None:
        assert (service, endpoint) == ("players", "127.0.0.1:9001")
        return self.busy

    def look(self) -> None:
        asyncio.run(self.made.look())

    def ids(self) -> list[str]:
        return [one.id for one in self.instances.get("players", ())]

    def paths(self) -> list[str]:
        known = self.instances.get("players", ())
        return [route.path for one in known for route in one.routes]


@pytest.fixture
def house() -> House:
    return House()


def test_who_registers_is_told_of_at_once(house: House) -> None:
    asyncio.run(house.made.put(a_registration(routes=A)))
    assert (house.ids(), house.paths()) == (["a"], ["/a"])
    assert [one.id for one in house.made.of("players")] == ["a"]
    known = house.sections[KNOWN]
    assert isinstance(known, Register)
    assert [one.id for one in known.known] == ["a"]


def test_who_renews_changes_nothing_and_keeps_when_it_began(house: House) -> None:
    asyncio.run(house.made.put(a_registration(since=1.0)))
    looks = house.store.looks
    renewed = asyncio.run(house.made.put(a_registration(since=2.0)))
    assert (renewed.since, house.store.looks) == (1.0, looks)


def test_of_many_at_once_most_wait_for_the_next_look(house: House) -> None:
    async def all_at_once() -> None:
        puts = [house.made.put(a_registration(f"players/{number}")) for number in range(50)]
        await asyncio.gather(house.made.look(), *puts)

    asyncio.run(all_at_once())
    house.look()
    assert len(house.ids()) == 50
    assert house.store.looks <= 3


def test_another_node_learns_of_it_with_its_next_look(house: House) -> None:
    other = House(house.store, node="two")
    asyncio.run(house.made.put(a_registration()))
    other.look()
    assert other.ids() == ["a"]


def test_who_does_not_renew_is_gone_within_its_lease(house: House) -> None:
    asyncio.run(house.made.put(a_registration(lease=15.0, routes=A)))
    house.clock.advance(14.0)
    house.look()
    assert house.ids() == ["a"]
    house.clock.advance(1.0 - PAUSE)
    house.look()
    assert (house.ids(), house.paths()) == ([], [])
    assert house.sections == {KNOWN: None}


def test_while_the_store_is_away_what_was_known_stays(house: House) -> None:
    asyncio.run(house.made.put(a_registration(lease=15.0)))
    house.store.away = True
    house.look()
    house.clock.advance(1000.0)
    house.look()
    assert (house.ids(), house.made.cause) == (["a"], "it is away")
    with pytest.raises(Away):
        asyncio.run(house.made.put(a_registration("players/b")))
    with pytest.raises(Away):
        asyncio.run(house.made.drain("players", "a", grace=30))
    assert house.events == [
        RegistryChanged(provider=REGISTRATION, reachable=False, cause="it is away", at=house.wall())
    ]


def test_when_it_is_back_everybody_has_a_lease_to_say_something(house: House) -> None:
    asyncio.run(house.made.put(a_registration(lease=15.0)))
    house.store.away = True
    house.look()
    house.clock.advance(1000.0)
    house.look()
    house.store.away = False
    house.look()
    assert (house.ids(), house.made.cause) == (["a"], "")
    assert isinstance(house.events[-1], RegistryChanged)
    assert house.events[-1].reachable
    house.clock.advance(15.0)
    house.look()
    assert house.ids() == []


def test_a_store_that_has_lost_everything_takes_nobody_away(house: House) -> None:
    asyncio.run(house.made.put(a_registration()))
    house.store.renew()
    house.look()
    assert house.ids() == ["a"]
    asyncio.run(house.made.put(a_registration()))
    house.look()
    house.clock.advance(10.0)
    asyncio.run(house.made.put(a_registration()))
    house.clock.advance(10.0)
    house.look()
    assert house.ids() == ["a"]


def test_who_leaves_is_gone_when_nothing_is_under_way(house: House) -> None:
    asyncio.run(house.made.put(a_registration()))
    house.busy = 1
    left = asyncio.run(house.made.drain("players", "a", grace=30.0))
    assert left is not None
    assert [one.draining for one in house.instances["players"]] == [True]
    house.clock.advance(2.0)
    house.look()
    assert house.ids() == ["a"]
    house.busy = 0
    house.look()
    assert house.ids() == []
    assert asyncio.run(house.made.drain("players", "a", grace=30.0)) is None


def test_who_leaves_is_not_gone_before_all_workers_know(house: House) -> None:
    asyncio.run(house.made.put(a_registration()))
    asyncio.run(house.made.drain("players", "a", grace=30.0))
    house.look()
    assert house.ids() == ["a"]


def test_nor_before_all_nodes_have_nothing_under_way(house: House) -> None:
    other = House(house.store, node="two")
    asyncio.run(house.made.put(a_registration()))
    other.look()
    other.busy = None
    asyncio.run(house.made.drain("players", "a", grace=30.0))
    other.look()
    house.clock.advance(2.0)
    house.look()
    other.look()
    assert house.ids() == ["a"]
    other.busy = 0
    other.look()
    house.look()
    assert (house.ids(), other.ids()) == ([], [])


def test_who_leaves_is_gone_when_its_grace_is_over(house: House) -> None:
    asyncio.run(house.made.put(a_registration()))
    house.busy = 1
    asyncio.run(house.made.drain("players", "a", grace=5.0))
    asyncio.run(house.made.drain("players", "a", grace=300.0))  # to ask again gives no more
    house.clock.advance(5.0)
    house.look()
    assert house.ids() == []


def test_without_grace_it_is_gone_at_once(house: House) -> None:
    asyncio.run(house.made.put(a_registration()))
    assert asyncio.run(house.made.drain("players", "a", grace=0.0)) is None
    assert house.ids() == []


def test_who_registers_again_stays(house: House) -> None:
    asyncio.run(house.made.put(a_registration()))
    asyncio.run(house.made.drain("players", "a", grace=30.0))
    asyncio.run(house.made.put(a_registration()))
    house.clock.advance(2.0)
    house.look()
    assert [one.draining for one in house.instances["players"]] == [False]


def test_of_two_at_one_address_the_one_that_stays_comes_first(house: House) -> None:
    asyncio.run(house.made.put(a_registration("players/a", draining=True)))
    asyncio.run(house.made.put(a_registration("players/b")))
    assert house.ids() == ["b", "a"]


@pytest.mark.parametrize("name", [KNOWN, SECTION])  # SECTION: of a gateway before this one
def test_the_next_control_goes_on_with_what_was_known(house: House, name: str) -> None:
    asyncio.run(house.made.put(a_registration(routes=A)))
    known = house.sections[KNOWN]
    assert known is not None
    house.store.away = True
    following = House(house.store)
    following.made.recover({name: msgspec.Raw(msgspec.msgpack.encode(known))})
    following.made.adopt(ON, ["players"], ())
    following.look()
    assert (following.ids(), following.paths()) == (["a"], ["/a"])
    assert following.sections == {KNOWN: known, **({} if name == KNOWN else {SECTION: None})}
    assert following.made.conflict(a_registration("worlds/z", routes=A))[0] == "/a"


def test_what_is_known_of_some_stays_where_the_rest_cannot_be_read(house: House) -> None:
    asyncio.run(house.made.put(a_registration("players/b")))
    known = msgspec.Raw(msgspec.msgpack.encode(house.sections[KNOWN]))
    house.store.away = True
    after = before(house.store)
    after.made.recover({KNOWN: known, section("worlds"): UNREAD[SECTION]})
    after.made.adopt(BOTH, ["players", "worlds"], ())
    assert (after.ids(), list(after.instances)) == (["b"], ["players", "worlds"])
    house.store.away = False
    after.look()
    assert (after.ids(), list(after.instances)) == (["b"], ["players"])
    assert after.sections[section("worlds")] is None


def test_one_that_changes_costs_the_others_nothing(house: House) -> None:
    """Red where all is told anew: each change went over all registrations."""
    services = tuple(f"s{number}" for number in range(50))
    house.made.adopt(
        RegistrationBound(tokens=(Token(digest=b"", services=services),)), services, ()
    )
    for one in services:
        asyncio.run(house.made.put(a_registration(f"{one}/a")))
    house.sections.clear()
    house.instances.clear()
    asyncio.run(house.made.put(a_registration("s7/a", port=9002)))
    assert (list(house.sections), list(house.instances)) == ([section("s7")], ["s7"])


UNREAD: dict[str, msgspec.Raw] = {SECTION: msgspec.Raw(b"\x01")}


def before(store: RegisterStore) -> House:
    """A node whose instance is in force from before, and nothing else is known of it."""
    house = House(store)
    one = Instance(id="a", endpoint=a_registration().endpoint, routes=A)
    house.instances = {"players": (one,), "worlds": (one,)}
    return house


@pytest.mark.parametrize("live", [{}, UNREAD])
def test_where_that_cannot_be_read_who_is_in_force_stays_until_the_store_has_spoken(
    house: House, live: dict[str, msgspec.Raw]
) -> None:
    """Red without `_doubtful`: nobody ever cleared what such a control had restored."""
    asyncio.run(house.made.put(a_registration("players/b")))
    house.store.away = True
    after = before(house.store)
    after.made.recover(live)
    after.made.adopt(ON, ["players"], ())
    after.look()
    assert (after.ids(), after.made.of("players")) == (["a"], [])
    house.store.away = False
    after.look()
    assert (after.ids(), list(after.instances)) == (["b"], ["players"])


@pytest.mark.parametrize("live", [{}, UNREAD])
def test_or_goes_at_once_where_nobody_may_register_any_more(live: dict[str, msgspec.Raw]) -> None:
    house = before(RegisterStore(FakeClock()))
    house.made.recover(live)
    house.made.adopt(RegistrationBound(), ["players"], ())
    assert house.instances == {}


def test_what_came_back_after_a_start_has_a_lease_to_say_something(house: House) -> None:
    """The gateway was away, and so nobody could renew; then it ends like any other."""
    asyncio.run(house.made.put(a_registration(lease=15.0, routes=A)))
    known = house.sections[KNOWN]
    live = {KNOWN: msgspec.Raw(msgspec.msgpack.encode(known))}
    house.clock.advance(3600.0)
    after = House(house.store)
    after.made.recover(live)
    after.made.adopt(ON, ["players"], ())
    after.look()
    assert after.paths() == ["/a"]
    house.clock.advance(14.9)
    after.look()
    assert after.ids() == ["a"]
    house.clock.advance(0.1)
    after.look()
    assert (after.instances, after.sections[KNOWN]) == ({}, None)


def test_conflicts_are_with_others_and_the_operator(house: House) -> None:
    house.made.adopt(BOTH, ["players", "worlds"], ())
    asyncio.run(house.made.put(a_registration("worlds/z", routes=A)))
    one = a_registration(routes=A)
    assert house.made.conflict(one) == ("/a", "the service `worlds`")
    assert house.made.conflict(a_registration("worlds/z", routes=A)) == ("", "")
    mine = (Route(name="mine", path="/b"), Route(name="inside", path="/c", internal=True))
    house.made.adopt(ON, ["players"], mine)
    routes = (Declared(path="/b"), Declared(path="/c"))
    assert house.made.conflict(a_registration(routes=routes))[0] == "/b"
    assert house.made.conflict(a_registration(routes=routes[1:]))[0] == ""


def numbered(first: int, behind: int) -> tuple[Declared, ...]:
    return tuple(Declared(path=f"/{at}", auth="none") for at in range(first, behind))


def test_there_is_room_for_what_its_instances_declare_already_and_no_more(house: House) -> None:
    for at in range(2):
        routes = numbered(100 * at, 100 * at + 100)
        asyncio.run(house.made.put(a_registration(f"players/{at}", routes=routes)))
    more = a_registration("players/2", routes=numbered(150, 201))
    assert "would declare 201 routes" in house.made.excess(more)
    assert house.made.excess(a_registration("players/2", routes=numbered(100, 200))) == ""
    assert house.made.excess(a_registration("players/1", routes=numbered(150, 250))) == ""
    assert house.made.excess(a_registration("worlds/z", routes=numbered(150, 201))) == ""


def test_a_service_has_a_thousand_instances_and_no_more(house: House) -> None:
    """A token that is lost must not fill every worker of every node with endpoints."""

    async def come() -> None:
        for at in range(1000):
            await house.store.put(a_registration(f"players/{at}"))
        await house.made.look()

    asyncio.run(come())
    full = [house.made.is_full(a_registration(name)) for name in ("players/7", "players/x")]
    assert full == [False, True]
    assert not house.made.is_full(a_registration("worlds/a"))


def test_who_has_its_routes_already_may_renew_even_where_there_are_too_many(house: House) -> None:
    for at in range(3):  # by several nodes at once, who knew nothing of each other
        routes = numbered(100 * at, 100 * at + 100)
        asyncio.run(house.made.put(a_registration(f"players/{at}", routes=routes)))
    renewed = a_registration("players/2", routes=numbered(200, 300))
    assert house.made.excess(renewed) == ""
    assert house.made.excess(a_registration("players/2", routes=numbered(301, 302))) != ""


def test_it_looks_while_anybody_may_register_or_is_there(house: House) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            house.made.adopt(RegistrationBound(), ["players"], ())
        if len(pauses) == 3:
            raise EOFError

    with pytest.raises(EOFError):
        asyncio.run(house.made.watch(sleep))
    assert (pauses, house.store.looks) == ([PAUSE] * 3, 1)
    assert not house.made.is_on


# A service that no token speaks for any more

WORLDS = RegistrationBound(tokens=(Token(digest=b"", services=("worlds",)),))


@pytest.mark.parametrize("bound", [RegistrationBound(), WORLDS])
def test_who_has_no_token_left_is_not_asked_any_more(
    house: House, bound: RegistrationBound
) -> None:
    """Red with all that is known told, in features/registration/service.py."""
    asyncio.run(house.made.put(a_registration(routes=A)))
    house.made.adopt(bound, ["players", "worlds"], ())
    assert house.instances == {}
    house.look()
    assert house.instances == {}
    other = a_registration("worlds/z", routes=A)
    assert house.made.conflict(other) == ("", "")
    house.made.adopt(ON, ["players"], ())
    assert (house.ids(), house.paths()) == (["a"], ["/a"])


@pytest.mark.parametrize("bound", [RegistrationBound(), WORLDS])
def test_nor_is_it_by_the_next_control_whatever_that_can_read(
    house: House, bound: RegistrationBound
) -> None:
    asyncio.run(house.made.put(a_registration()))
    after = House(house.store, node="two")
    after.instances = dict(house.instances)
    after.made.recover({})
    after.made.adopt(bound, ["players", "worlds"], ())
    assert after.instances == {}
