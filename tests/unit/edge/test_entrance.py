"""Guests: who is let in, who is counted, and how the last one leaves."""

import asyncio
from typing import cast

import pytest

from tests.helpers.builders import Bound, a_plan, a_route
from tests.helpers.fake_hangups import FakeHangups
from tests.helpers.fake_loop import FakeLoop
from tta_gateway.edge.arrivals import Arrivals
from tta_gateway.edge.departures import Departures
from tta_gateway.edge.entrance import (
    Directory,
    Entrance,
    Guests,
    Rules,
    network_of,
    traffic_of,
)
from tta_gateway.edge.sweeper import NEVER, Sweeper
from tta_gateway.kernel.peer import Trust
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.kernel.traffic import BACKGROUND, CRISIS, STANDARD
from tta_gateway.pipeline.plan import bind
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.table import Table
from tta_gateway.wire.limits import Limits

NOW = 1000.0
ONE, OTHER = "192.0.2.1", "192.0.2.2"
NOBODY_IN_PARTICULAR = ""


class Guest:
    """A connection that keeps what it is told, and is busy unless it is said to be idle."""

    def __init__(self, *, idle_since: float = NEVER, holds_socket: bool = False) -> None:
        self.told: list[str] = []
        self.holds_socket = holds_socket
        self.since = idle_since

    def idle_since(self) -> float:
        return self.since

    def give_way(self) -> None:
        self.told.append("give way")

    def drain(self) -> None:
        self.told.append("drain")

    def is_in_need(self) -> bool:
        return False

    def comes_back(self) -> bool:
        return self.holds_socket

    def abort(self) -> None:
        self.told.append("abort")


class Polite(Guest):
    """A connection that ends as soon as it is asked to."""

    def __init__(self, guests: Guests) -> None:
        super().__init__()
        self._guests = guests

    def drain(self) -> None:
        self._guests.leave(self, ONE)


class House:
    """Guests within limits, and what is counted of them."""

    def __init__(self, *, per_worker: int = 100, per_address: int = 100) -> None:
        self.count = 0.0
        limits = ConnectionLimits(per_worker=per_worker, per_address=per_address)
        self.guests = Guests(
            limits,
            changed=self._changed,
            hangups=FakeHangups(),
            arrivals=Arrivals(cast("asyncio.AbstractEventLoop", FakeLoop())),
            departures=Departures(cast("asyncio.AbstractEventLoop", FakeLoop())),
        )

    def _changed(self, by: float) -> None:
        self.count += by

    def admit(self, guest: Guest, address: str = ONE) -> bool:
        return self.guests.admit(guest, address, now=NOW)

    def admits(self, *addresses: str) -> list[bool]:
        return [self.admit(Guest(), address) for address in addresses]


def test_a_worker_has_as_many_guests_as_it_may() -> None:
    assert House(per_worker=2).admits(ONE, OTHER, "192.0.2.3") == [True, True, False]


def test_an_address_has_as_many_guests_as_it_may() -> None:
    assert House(per_address=2).admits(ONE, ONE, ONE, OTHER) == [True, True, False, True]


def test_an_address_that_stands_for_many_is_not_counted_by_itself() -> None:
    assert House(per_address=1).admits(*[NOBODY_IN_PARTICULAR] * 3) == [True] * 3


def test_guests_of_no_address_count_for_the_worker() -> None:
    assert House(per_worker=1).admits(NOBODY_IN_PARTICULAR, ONE) == [True, False]


def test_who_leaves_makes_room() -> None:
    house, guest = House(per_address=1), Guest()
    house.admit(guest, ONE)
    house.guests.leave(guest, ONE)
    assert house.admits(ONE) == [True]


def test_who_was_not_let_in_does_not_leave() -> None:
    house, refused = House(per_address=1), Guest()
    house.admits(ONE)
    house.admit(refused, ONE)
    house.guests.leave(refused, ONE)
    assert house.admits(ONE) == [False]


def test_who_leaves_twice_leaves_once() -> None:
    house, guest = House(), Guest()
    house.admit(guest, ONE)
    house.guests.leave(guest, ONE)
    house.guests.leave(guest, ONE)
    assert house.count == 0


def test_nothing_is_kept_of_an_address_whose_guests_have_left() -> None:
    house, guest = House(), Guest()
    house.admit(guest, ONE)
    house.guests.leave(guest, ONE)
    assert not house.guests._of_address


def test_a_refused_guest_leaves_nothing_of_its_address() -> None:
    house = House(per_worker=0)
    house.admits(ONE)
    assert not house.guests._of_address


# Who gives way


def test_in_a_full_house_the_one_that_has_been_idle_longest_gives_way() -> None:
    house = House(per_worker=3)
    ages = (20.0, 50.0, 30.0)
    guests = [Guest(idle_since=NOW - age) for age in ages]
    for guest in guests:
        house.admit(guest)
    assert house.admits(ONE) == [True]
    assert [guest.told for guest in guests] == [[], ["give way"], []]
    assert house.count == 3


def test_nobody_gives_way_while_there_is_room() -> None:
    house, guest = House(per_worker=2), Guest(idle_since=0)
    house.admit(guest)
    house.admits(ONE)
    assert guest.told == []


def test_one_that_has_just_come_or_been_served_does_not_give_way() -> None:
    """Else a flood would take each one's place before it can ask."""
    house = House(per_worker=1)
    house.admit(Guest(idle_since=NOW - 0.9))
    assert house.admits(ONE) == [False]


def test_nobody_gives_way_to_one_of_too_many_of_an_address() -> None:
    house, guest = House(per_worker=1, per_address=1), Guest(idle_since=0)
    house.admit(guest)
    assert house.admits(ONE) == [False]
    assert guest.told == []


def test_who_gives_way_frees_its_address_at_once_and_only_once() -> None:
    house, guest = House(per_worker=1, per_address=1), Guest(idle_since=0)
    house.admit(guest)
    assert house.admits(OTHER) == [True]
    house.guests.leave(guest, ONE)
    assert house.count == 1
    assert list(house.guests._of_address) == [OTHER]


def test_only_a_few_are_looked_at_each_time_but_all_in_the_end() -> None:
    house = House(per_worker=200)
    house.admits(*[NOBODY_IN_PARTICULAR] * 199)
    house.admit(Guest(idle_since=0))
    assert house.admits(*[ONE] * 5) == [False, False, False, True, False]


def test_everybody_who_is_in_is_counted() -> None:
    house = House(per_address=2)
    house.admits(ONE, ONE, ONE, OTHER)
    assert house.count == 3


def test_everybody_is_asked_to_leave() -> None:
    house, guests = House(), [Guest(), Guest()]
    house.admit(guests[0], ONE)
    house.admit(guests[1], OTHER)
    house.guests.drain()
    assert [guest.told for guest in guests] == [["drain"], ["drain"]]


def test_very_many_are_asked_in_several_turns_of_the_loop() -> None:
    house, guests = House(per_worker=1000, per_address=1000), [Guest() for _ in range(450)]
    for guest in guests:
        house.admit(guest, ONE)
    asked = []
    with FakeLoop() as loop:
        house.guests.drain()
        for _ in range(3):
            asked.append(sum(guest.told == ["drain"] for guest in guests))
            loop.turn()
    assert asked == [200, 400, 450]


def test_who_has_left_meanwhile_is_not_asked() -> None:
    house, guests = House(per_worker=1000, per_address=1000), [Guest() for _ in range(450)]
    for guest in guests:
        house.admit(guest, ONE)
    with FakeLoop() as loop:
        house.guests.drain()
        for guest in guests:
            house.guests.leave(guest, ONE)
        loop.run_ready()
    assert sum(guest.told == ["drain"] for guest in guests) == 200


def asked_of(guests: list[Guest]) -> int:
    """Return how many have been asked to leave."""
    return sum(guest.told == ["drain"] for guest in guests)


def test_who_would_come_back_at_once_is_asked_over_some_time() -> None:
    house = House(per_worker=10_000, per_address=10_000)
    plain = [Guest() for _ in range(50)]
    holders = [Guest(holds_socket=True) for _ in range(3000)]
    for guest in (*plain, *holders):
        house.admit(guest, ONE)
    with FakeLoop() as loop:
        house.guests.drain(seconds=4.0)
        loop.run_ready()
        assert (asked_of(plain), asked_of(holders) < 30) == (50, True)
        loop.advance(2.0)
        assert 1300 < asked_of(holders) < 1700
        gone = [guest for guest in holders if not guest.told][:100]
        for guest in gone:
            house.guests.leave(guest, ONE)
        loop.advance(2.2)
    assert (asked_of(holders), asked_of(gone)) == (2900, 0)


def test_few_are_asked_soon_and_whoever_hurries_asks_all_at_once() -> None:
    house = House()
    holders = [Guest(holds_socket=True) for _ in range(60)]
    for guest in holders:
        house.admit(guest, ONE)
    with FakeLoop() as loop:
        house.guests.hurry()
        house.guests.drain(seconds=15.0)
        assert asked_of(holders) == 10
        loop.advance(0.05)
        assert asked_of(holders) == 30
        house.guests.hurry()
        loop.run_ready()
        assert asked_of(holders) == 60
        house.guests.drain()
        assert [guest.told for guest in holders] == [["drain", "drain"]] * 60


def test_who_comes_while_the_others_leave_is_let_in() -> None:
    house = House()
    house.guests.drain()
    assert house.admits(ONE) == [True]


def test_who_stays_is_cut() -> None:
    house, guest = House(), Guest()
    house.admit(guest, ONE)
    house.guests.cut()
    assert guest.told == ["abort"]


def emptied(house: House) -> bool:
    """Whether nobody need be waited for."""
    with FakeLoop() as loop:
        waiting = loop.create_task(house.guests.emptied())
        loop.run_ready()
        done = waiting.done()
        waiting.cancel()
        loop.run_ready()
    return done


def test_an_empty_house_is_empty_at_once() -> None:
    house = House()
    house.guests.drain()
    assert emptied(house)


def test_a_house_is_not_empty_while_somebody_stays() -> None:
    house = House()
    house.admits(ONE)
    house.guests.drain()
    assert not emptied(house)


def test_a_house_is_empty_when_the_last_has_left() -> None:
    house = House()
    for guest in (Polite(house.guests), Polite(house.guests)):
        house.admit(guest, ONE)
    house.guests.drain()
    assert emptied(house)


def test_a_house_that_happens_to_be_empty_is_still_open() -> None:
    house, guest = House(), Guest()
    house.admit(guest, ONE)
    house.guests.leave(guest, ONE)
    assert not emptied(house)


class Nowhere:
    """A directory that nobody asks."""

    malformed = a_plan()


def entrance(*trusted: str) -> Entrance:
    loop = FakeLoop()
    return Entrance(
        sweeper=Sweeper(cast("asyncio.AbstractEventLoop", loop), loop.time),
        date=lambda: b"",
        runner=Runner(lambda _: None, lambda *_: None),
        directory=cast("Directory", Nowhere()),
        guests=House().guests,
        rules=Rules(limits=Limits(), timeouts=ClientTimeouts(), trusted=trusted),
    )


@pytest.mark.parametrize("address", ["10.1.2.3", "fd00::7", "192.0.2.1"])
def test_an_address_of_a_trusted_network_is_a_proxy(address: str) -> None:
    assert entrance("10.0.0.0/8", "fd00::/8", "192.0.2.1").is_proxy(address)


@pytest.mark.parametrize("address", ["11.0.0.1", "fe80::1", "", "unknown", "10.1.2.3:80"])
def test_any_other_address_is_not(address: str) -> None:
    assert not entrance("10.0.0.0/8", "fd00::/8").is_proxy(address)


def test_without_trusted_networks_nobody_is_a_proxy() -> None:
    assert not entrance().is_proxy("127.0.0.1")


def told(house: House, count: int, *, now: float = NOW) -> list[bool]:
    """Whether each of so many who are turned away is told why; all leave then."""
    refused = [Guest() for _ in range(count)]
    answers = [house.guests.turn_away(guest, now=now) for guest in refused]
    for guest in refused:
        house.guests.leave(guest, ONE)
    return answers


def test_only_so_many_are_told_that_there_are_too_many() -> None:
    assert told(House(per_worker=0), 65) == [True] * 64 + [False]


def test_no_more_are_told_between_two_looks_though_they_leave_at_once() -> None:
    house = House(per_worker=0)
    assert told(house, 64) == [True] * 64
    assert told(house, 1) == [False]
    assert told(house, 65, now=NOW + 0.2) == [True] * 64 + [False]


def test_who_was_turned_away_and_left_makes_room_for_the_next() -> None:
    house = House(per_worker=0)
    guests = [Guest() for _ in range(64)]
    for guest in guests:
        house.guests.turn_away(guest, now=NOW)
    assert not house.guests.turn_away(Guest(), now=NOW + 1)
    house.guests.leave(guests[0], ONE)
    assert house.guests.turn_away(Guest(), now=NOW + 1)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str, counted: str) -> None:
    assert network_of(address) == counted


def test_who_only_makes_place_for_another_is_not_the_last() -> None:
    house, first, second = House(per_address=1), Guest(), Guest()
    house.admit(first, ONE)
    house.guests.drain()
    house.guests.step_out(first, ONE)
    assert (house.count, house.guests._empty.is_set()) == (0, False)
    assert house.admit(second, ONE)
    house.guests.look_round()
    assert not house.guests._empty.is_set()
    house.guests.leave(second, ONE)
    assert house.guests._empty.is_set()


def _trust(made: Entrance) -> Trust | None:
    return made.trust


def believing(authorities: frozenset[bytes] | None) -> Rules:
    return Rules(limits=Limits(), timeouts=ClientTimeouts(), trusted=(), authorities=authorities)


def test_connections_that_stand_count_by_the_authorities_of_now() -> None:
    made, nowhere = entrance(), cast("Directory", Nowhere())
    assert _trust(made) is None
    made.adopt(nowhere, believing(frozenset((b"a", b"b"))))
    trust = _trust(made)
    assert trust is not None
    before = trust.authorities
    made.adopt(nowhere, believing(frozenset((b"b", b"a"))))
    assert trust.authorities is before
    made.adopt(nowhere, believing(frozenset((b"b",))))
    assert made.trust is trust
    assert trust.authorities == {b"b"}
    made.adopt(nowhere, believing(None))
    assert trust.authorities == frozenset()


# What somebody seems to ask


@pytest.fixture(scope="module")
def table() -> Table:
    """A table of routes whose class is in their policies, one of them at a host of its own."""
    routes = [
        (a_route("/crisis/{id}"), CRISIS),
        (a_route("/export"), BACKGROUND),
        (a_route("/", host="help.example"), CRISIS),
    ]
    plans = [
        (route, bind([Bound(traffic=traffic)], route, forward=lambda _: None))
        for route, traffic in routes
    ]
    return Table(plans, nowhere=a_plan(), answer=lambda _, __: None)


@pytest.mark.parametrize(
    ("data", "traffic"),
    [
        (b"GET /crisis/7?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", CRISIS),
        (b"POST /export HTTP/1.1\r\nContent-Length: 9\r\n\r\n", BACKGROUND),
        (b"GET / HTTP/1.1\r\nAccept: */*\r\nHost: help.example\r\n\r\n", CRISIS),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", STANDARD),
        (b"GET /crisis/../export HTTP/1.1\r\n", BACKGROUND),
        (b"GET http://a/crisis/7 HTTP/1.1\r\n\r\n", STANDARD),
        (b"\r\n\r\n", STANDARD),
        (b"GET /cri", STANDARD),
        (b"\x16\x03\x01\r\n", STANDARD),
        (b"GET / HTTP/1.1\r\nHost: help.exa", STANDARD),
    ],
)
def test_who_is_looked_at_first_is_seen_in_the_first_line_and_the_host(
    table: Table, data: bytes, traffic: int
) -> None:
    way_in = entrance()
    way_in.directory = table
    assert [way_in.traffic_of(data) for _ in range(2)] == [traffic, traffic]


def test_so_many_first_lines_are_remembered_until_routes_change(table: Table) -> None:
    way_in = entrance()
    way_in.directory = table
    long = b"GET /crisis/%b HTTP/1.1\r\n" % (b"7" * 600)
    assert way_in.traffic_of(long) == CRISIS
    for number in range(2000):
        assert way_in.traffic_of(b"GET /crisis/%d HTTP/1.1\r\n" % number) == CRISIS
    assert len(way_in._traffic) == 1024
    rules = Rules(limits=Limits(), timeouts=ClientTimeouts(), trusted=())
    way_in.adopt(Table([], nowhere=a_plan(), answer=lambda _, __: None), rules)
    assert way_in.traffic_of(b"GET /crisis/7 HTTP/1.1\r\n") == STANDARD


def test_what_names_no_path_is_standard(table: Table) -> None:
    assert traffic_of(b"OPTIONS * HTTP/1.1", b"", table) == STANDARD
