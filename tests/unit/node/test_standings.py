"""Which standings a worker takes up: those that are others, and of many no other is touched."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tta_gateway.kernel.route import Service
from tta_gateway.kernel.standing import Stand, Standing, section
from tta_gateway.node import standings as module
from tta_gateway.node.sections import Sections
from tta_gateway.node.standings import Standings
from tta_gateway.snapshot.parts import Live, decode_live, encoded, standing_of
from tta_gateway.upstream.attempt import Upstream

SERVICES = 300
Sent = Mapping[str, msgspec.Raw]


def services(count: int) -> dict[str, Service]:
    return {
        f"s{number}": Service(name=f"s{number}", endpoints=(an_endpoint(9000 + number),))
        for number in range(count)
    }


def raw(port: int = 1) -> msgspec.Raw:
    standing = Standing(endpoints=(Stand(endpoint=an_endpoint(port)),))
    return msgspec.Raw(msgspec.msgpack.encode(standing))


def told(live: Sent) -> dict[str, msgspec.Raw]:
    """The same sections as they come over a channel: other objects, the same bytes."""
    return decode_live(encoded(Live(sections=dict(live)))).sections


class House:
    """A worker's services, and which of them were touched."""

    def __init__(self, count: int = 3) -> None:
        self.upstreams = {name: Upstream(one) for name, one in services(count).items()}
        self.events = Events()
        self.touched: list[tuple[str, int | None]] = []
        self.beside: Mapping[str, Upstream] | None = None
        clock = FakeClock()
        sections = Sections(cast("Any", self.events))
        self.standings = Standings(self, sections, monotonic=clock.monotonic, wall=clock.wall)

    def adopt_standings(
        self,
        standings: Mapping[str, Standing | None],
        *,
        now: float,
        wall: float,
        beside: Mapping[str, Upstream] | None = None,
    ) -> None:
        self.beside = beside
        assert (now, wall) == (FakeClock().monotonic(), FakeClock().wall())
        for name, one in standings.items():
            self.touched.append((name, None if one is None else one.endpoints[0].endpoint.port))

    def follows(self, live: Sent) -> list[tuple[str, int | None]]:
        """What is touched when these sections have come."""
        self.touched = []
        self.standings.adopt(self.standings.changed(live), live)
        return self.touched


def test_at_first_each_service_is_told_how_it_is() -> None:
    house = House()
    assert house.follows({section("s1"): raw(7)}) == [("s0", None), ("s1", 7), ("s2", None)]


@pytest.mark.parametrize("same", [dict, told])
def test_of_many_services_only_the_one_that_has_changed_is_read_and_touched(
    monkeypatch: pytest.MonkeyPatch, same: Callable[[Sent], dict[str, msgspec.Raw]]
) -> None:
    house = House(SERVICES)
    live = {section(name): raw() for name in house.upstreams}
    house.follows(live)
    read: list[msgspec.Raw] = []

    def reads(one: msgspec.Raw) -> Standing:
        read.append(one)
        return standing_of(one)

    monkeypatch.setattr(module, "standing_of", reads)
    assert house.follows(same(live)) == []
    assert house.follows({**same(live), section("s7"): raw(2)}) == [("s7", 2)]
    assert len(read) == 1


def test_what_is_told_no_more_is_as_configured() -> None:
    house = House()
    house.follows({section("s1"): raw(7)})
    assert house.follows({}) == [("s1", None)]
    assert house.follows({}) == []


def test_a_service_of_another_configuration_is_told_anew() -> None:
    house = House()
    live = {section("s1"): raw(7)}
    house.follows(live)
    house.upstreams["s1"] = Upstream(house.upstreams["s1"].service)
    assert house.follows(live) == [("s1", 7)]


def test_a_service_that_is_made_beside_is_told_there_and_not_again_in_its_place() -> None:
    house = House()
    live = {section("s1"): raw(7)}
    house.follows(live)
    made = {"s1": Upstream(house.upstreams["s1"].service)}
    house.touched = []
    house.standings.adopt(["s1"], live, beside=made)
    assert (house.touched, house.beside) == ([("s1", 7)], made)
    house.upstreams.update(made)
    assert house.follows(live) == []


def test_a_service_that_is_gone_is_forgotten() -> None:
    house = House()
    house.follows({})
    del house.upstreams["s1"]
    assert house.follows({}) == []
    assert set(house.standings._taken) == {"s0", "s2"}


def test_what_cannot_be_read_is_as_if_it_were_not_there_and_is_told_once() -> None:
    house = House()
    live = {section("s1"): msgspec.Raw(b"\xc1")}
    assert house.follows(live) == [("s0", None), ("s1", None), ("s2", None)]
    assert house.follows(told({section("s1"): msgspec.Raw(b"\x01")})) == [("s1", None)]
    house.follows(told({section("s1"): msgspec.Raw(b"\x01")}))
    assert [name for name, _ in house.events.told] == ["finding_not_read"] * 2
