"""Keys that issuers publish: when they are fetched, and what is told of it."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.identity import metrics
from tta_gateway.features.identity.bound import IdentityBound, Issuer, IssuerKeys, KeySource
from tta_gateway.features.identity.issuer_keys import PublishedKeys, Watched, section
from tta_gateway.features.identity.key_fetch import Fetched, NoKeys
from tta_gateway.kernel.events import (
    CertificateExpires,
    Event,
    IssuerKeyMissing,
    IssuerKeysChanged,
)
from tta_gateway.support.bus import Bus
from tta_gateway.support.metrics import Registry

URL: Final = "https://id.example/jwks"
OLD, NEW = Fetched((b"old",), 600.0), Fetched((b"old", b"new"), 3600.0)
CLINIC: Final = section("clinic")


def bound(*names: str, url: str = URL, discovers: bool = False) -> IdentityBound:
    source = KeySource(url=url, discovers=discovers)
    return IdentityBound(
        issuers=(Issuer(name="file"), *(Issuer(name=one, source=source) for one in names))
    )


class House:
    """Control, and an issuer that answers `answer`."""

    def __init__(self, known: Mapping[str, IssuerKeys] | None = None) -> None:
        self.clock = FakeClock()
        self.counts = Registry()
        self.bus = Bus()
        self.events: list[IssuerKeysChanged] = []
        self.bus.subscribe(self.heard)
        self.known: dict[str, bytes] = {}
        self.lines: list[str] = []
        self.asked: list[KeySource] = []
        self.answer: Fetched | Exception = OLD
        self.changes = 0
        self.keys = PublishedKeys(
            self,
            self.bus,
            fetch=self.fetch,
            log=cast("Any", self),
            clock=self.clock,
            counts=self.counts,
        )
        self.keys.changed = self.changed
        for name, one in (known or {}).items():
            self.put(section(name), one)
        self.keys.recover(known or {})

    def heard(self, event: Event) -> None:
        if isinstance(event, IssuerKeysChanged):
            self.events.append(event)

    def event(self, name: str, **_: object) -> None:
        self.lines.append(name)

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        if finding is None:
            del self.known[name]
        else:
            self.known[name] = msgspec.msgpack.encode(finding)

    def changed(self) -> None:
        self.changes += 1

    async def fetch(self, source: KeySource) -> Fetched:
        self.asked.append(source)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def tick(self, seconds: float = 0.0) -> int:
        """Let time pass; return how many were asked then."""
        self.clock.advance(seconds)
        before = len(self.asked)
        self.keys.tick(run)
        return len(self.asked) - before

    def told(self, name: str = "clinic") -> tuple[bytes, ...] | None:
        raw = self.known.get(section(name))
        return None if raw is None else msgspec.msgpack.decode(raw, type=IssuerKeys).keys

    def missing(self, name: str = "clinic") -> None:
        self.bus.publish(IssuerKeyMissing(issuer=name, at=0.0, by="worker 1"))

    def state(self) -> Watched:
        (found,) = self.keys.states()
        return found

    def away(self, name: str = "clinic") -> float:
        return self.counts.child(metrics.KEYS_AWAY, name).values()[0]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@pytest.fixture
def house() -> House:
    made = House()
    made.keys.adopt(bound("clinic"))
    return made


def test_keys_are_fetched_at_once_and_told_to_workers(house: House) -> None:
    assert house.tick() == 1
    assert house.asked == [KeySource(url=URL)]
    assert (house.told(), house.changes) == ((b"old",), 1)
    assert house.keys.known == {"clinic": IssuerKeys(url=URL, keys=(b"old",))}
    assert house.lines == ["issuer_keys_changed"]
    assert house.state().fetched == house.clock.wall()


def test_they_are_fetched_again_once_they_are_old(house: House) -> None:
    house.tick()
    assert house.tick(599.0) == 0
    house.answer = NEW
    assert house.tick(1.0) == 1
    assert (house.told(), house.changes) == ((b"old", b"new"), 2)
    assert house.tick(3599.0) == 0
    assert house.keys.seconds_until(house.state()) == 1.0


def test_the_same_keys_are_not_told_again(house: House) -> None:
    house.tick()
    house.tick(600.0)
    assert (house.changes, house.lines) == (1, ["issuer_keys_changed"])


def test_the_last_good_keys_stay_and_the_failure_is_told_once(house: House) -> None:
    house.tick()
    house.events.clear()
    house.answer = NoKeys("it answers 500")
    assert house.tick(600.0) == 1
    assert [house.tick(seconds) for seconds in (0.9, 0.1, 1.9, 0.1)] == [0, 1, 0, 1]
    assert house.told() == (b"old",)
    assert house.lines == ["issuer_keys_changed", "issuer_keys_unreachable"]
    assert [(one.reachable, one.cause) for one in house.events] == [(False, "it answers 500")]
    assert (house.away(), house.state().error, house.state().failures) == (1.0, "it answers 500", 3)
    house.answer = OLD
    assert house.tick(4.0) == 1
    assert house.lines[-1] == "issuer_keys_reachable"
    assert house.events[-1].reachable
    assert (house.away(), house.state().error) == (0.0, "")
    counted = [
        house.counts.child(metrics.KEYS_FETCHED, "clinic", one).values()[0]
        for one in ("good", "failed")
    ]
    assert counted == [2.0, 3.0]


def test_a_fault_of_ours_is_tried_again_too(house: House) -> None:
    house.answer = KeyError("a")
    house.tick()
    assert house.state().error == "a fault of the gateway: KeyError"
    assert house.tick(1.0) == 1


def test_a_token_with_a_key_that_is_missing_has_its_issuer_asked_but_seldom(house: House) -> None:
    house.tick()
    house.missing()
    assert [house.tick(seconds) for seconds in (0.0, 29.0, 1.0)] == [0, 0, 1]
    assert house.tick(60.0) == 0
    house.missing()
    house.missing()
    assert [house.tick(), house.tick(), house.tick(30.0)] == [1, 0, 0]


def test_others_are_not_asked_for_it(house: House) -> None:
    house.tick()
    house.missing("school")
    house.bus.publish(CertificateExpires(name="a", state="soon", expires=1.0, at=0.0))
    assert house.tick(60.0) == 0


def test_one_that_is_being_asked_is_not_asked_once_more(house: House) -> None:
    begun: list[Coroutine[Any, Any, None]] = []
    house.keys.tick(begun.append)
    house.clock.advance(60.0)
    house.keys.tick(begun.append)
    assert len(begun) == 1
    run(begun[0])
    assert house.told() == (b"old",)


def test_an_answer_that_nobody_waits_for_any_more_is_dropped(house: House) -> None:
    begun: list[Coroutine[Any, Any, None]] = []
    house.keys.tick(begun.append)
    house.keys.adopt(bound())
    run(begun[0])
    assert (house.told(), house.changes) == (None, 0)


def test_a_reload_that_changes_nothing_of_it_asks_nobody(house: House) -> None:
    house.tick()
    house.keys.adopt(bound("clinic"))
    assert (house.tick(), house.told()) == (0, (b"old",))


@pytest.mark.parametrize(
    "other", [bound("clinic", url="https://b/c"), bound("clinic", discovers=True)]
)
def test_what_was_published_elsewhere_is_taken_back_at_once(
    house: House, other: IdentityBound
) -> None:
    house.tick()
    house.keys.adopt(other)
    assert (house.told(), house.keys.known) == (None, {})
    house.answer = NEW
    assert house.tick() == 1
    assert house.told() == (b"old", b"new")


def test_other_authorities_alone_take_nothing_back(house: House) -> None:
    house.tick()
    source = KeySource(url=URL, ca="pem")
    house.keys.adopt(IdentityBound(issuers=(Issuer(name="clinic", source=source),)))
    assert house.told() == (b"old",)
    assert house.tick() == 1


def test_what_is_told_of_an_issuer_that_is_taken_out_is_taken_back(house: House) -> None:
    house.tick()
    house.answer = NoKeys("no")
    house.tick(600.0)
    house.keys.adopt(bound())
    assert (house.known, house.keys.known, house.away()) == ({}, {}, 0.0)
    assert house.events[-1].reachable
    assert list(house.keys.states()) == []


def test_one_that_was_away_is_still_away_with_another_source(house: House) -> None:
    house.answer = NoKeys("no")
    house.tick()
    house.keys.adopt(bound("clinic", url="https://b/c"))
    house.tick()
    assert [one.reachable for one in house.events] == [False]
    house.answer = OLD
    house.tick(2.0)
    assert [one.reachable for one in house.events] == [False, True]


def test_the_next_control_goes_on_with_the_keys_and_ends_what_was_told() -> None:
    kept = IssuerKeys(url=URL, keys=(b"old",))
    house = House({"clinic": kept, "gone": kept})
    house.keys.adopt(bound("clinic"))
    assert house.known.keys() == {CLINIC}
    assert house.state().keys == (b"old",)
    assert house.state().fetched is None
    assert house.tick() == 1
    assert [one.reachable for one in house.events] == [True]
    assert (house.changes, house.lines) == (0, [])
