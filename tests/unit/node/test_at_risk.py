"""Who is at risk at any worker of a node."""

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.safety.people import AT_RISK
from tta_gateway.kernel.events import SafetyRaised
from tta_gateway.node import at_risk as module
from tta_gateway.node.at_risk import AtRisk


def raised(person: str) -> SafetyRaised:
    return SafetyRaised(
        person=person,
        subject="",
        level=2,
        categories=(),
        route="talks",
        service="",
        correlation="r1",
        at=1000.0,
        by="test",
    )


class House:
    """Two workers; what one tells the other hears."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.one, self.other = (AtRisk(self.clock.monotonic) for _ in range(2))
        self.heard: set[str] = set()
        self.one.here = self.heard.__contains__

    def hears(self, person: str) -> None:
        self.heard.add(person)
        self.one.heard(raised(person))
        self.tell()

    def tell(self) -> None:
        changes = self.one.open.changes(100)
        begun = [mark for mark in changes if changes[mark]]
        ended = [mark for mark in changes if not changes[mark]]
        self.other.open.elsewhere.hear(1, begun, ended, self.clock.monotonic() + 35.0)


def test_nobody_is_at_risk_before_anybody_says_so() -> None:
    house = House()
    assert not house.one.includes("home/ada")
    assert not house.other.includes("home/ada")


def test_whoever_is_at_risk_at_one_worker_is_so_at_the_other() -> None:
    house = House()
    house.hears("home/ada")
    house.hears("home/ada")
    assert house.one.includes("home/ada")
    assert house.other.includes("home/ada")
    assert not house.other.includes("home/bob")


def test_behind_half_an_hour_they_are_no_more_unless_they_still_are() -> None:
    house = House()
    house.hears("home/ada")
    house.clock.advance(AT_RISK)
    house.one.tick()
    house.tell()
    assert house.other.includes("home/ada")
    house.heard.clear()
    house.one.tick()
    house.tell()
    assert house.other.includes("home/ada"), "it looks now and then"
    house.clock.advance(10.0)
    house.one.tick()
    house.tell()
    assert not house.other.includes("home/ada")


def test_neighbours_are_told_of_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    house = House()
    house.hears("home/ada")
    house.hears("home/bob")
    assert house.one.includes("home/bob")
    assert not house.other.includes("home/bob")
