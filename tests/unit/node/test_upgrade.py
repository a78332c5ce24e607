"""What becomes of the wish for a newer gateway, without a process."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.reload import LONGEST, Compiled
from tta_gateway.node.upgrade import Upgrade
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Listener, Snapshot

IN_FORCE = Snapshot(
    version=4,
    state_dir=".",
    workers=2,
    listeners=(Listener(host="::1", port=8080),),
    services=(),
    routes=(),
)


def compiled(**changes: object) -> Compiled:
    snapshot = msgspec.structs.replace(IN_FORCE, version=5, **changes)
    return Compiled(snapshot, encode(snapshot), b"sealed", [])


class Check:
    """A check that ends when the test says so."""

    def __init__(self) -> None:
        self.becomes: Compiled | None = None
        self.ended = 0

    def end(self) -> None:
        self.ended += 1

    def result(self) -> Compiled | None:
        return self.becomes


class House:
    """An upgrade, and all that it has done."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.checks: list[Check] = []
        self.events: list[tuple[str, object]] = []
        self.became: list[Compiled] = []
        self.refuse: OSError | None = None
        self.fault: OSError | None = None
        self.upgrade = Upgrade(
            check=cast("Callable[[], Any]", self._check),
            refused=lambda snapshot: ["not with three"] if snapshot.workers == 3 else [],
            become=self._become,
            log=cast("Any", self),
            clock=self.clock.monotonic,
        )

    def _check(self) -> Check:
        if self.refuse is not None:
            raise self.refuse
        self.checks.append(Check())
        return self.checks[-1]

    def _become(self, compiled: Compiled) -> None:
        if self.fault is not None:
            raise self.fault
        self.became.append(compiled)

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, *fields.values()))  # type: ignore[arg-type]

    def ends(self, result: Compiled) -> None:
        self.checks[-1].becomes = result
        self.upgrade.reap()


@pytest.fixture
def house() -> House:
    return House()


def test_what_is_installed_is_checked_with_the_configuration_first(house: House) -> None:
    assert house.upgrade.ask()
    house.upgrade.reap()
    assert (len(house.checks), house.became) == (1, [])
    assert house.upgrade.status() == {"checking": True, "refused": []}


def test_what_is_good_takes_over_with_what_was_compiled(house: House) -> None:
    house.upgrade.ask()
    good = compiled()
    house.ends(good)
    assert (house.became, house.events) == ([good], [])


def test_what_does_not_even_start_changes_nothing_and_is_said(house: House) -> None:
    house.upgrade.ask()
    house.ends(Compiled(None, b"", b"", ["ImportError: no module"]))
    assert (house.became, house.events) == (
        [],
        [("upgrade_refused", ["ImportError: no module"])],
    )
    assert house.upgrade.status() == {"checking": False, "refused": ["ImportError: no module"]}


def test_of_very_many_reasons_the_first_are_said(house: House) -> None:
    house.upgrade.ask()
    house.ends(Compiled(None, b"", b"", ["no"] * 3000))
    assert len(house.upgrade.complaints) == 51
    assert house.events == [("upgrade_refused", house.upgrade.complaints)]


def test_what_the_gateway_does_not_become_now_is_said(house: House) -> None:
    house.upgrade.ask()
    house.ends(compiled(workers=3))
    assert (house.became, house.upgrade.complaints) == (
        [],
        ["not with three"],
    )


def test_one_that_cannot_be_started_after_all_is_said(house: House) -> None:
    house.fault = OSError(2, "no such file")
    house.upgrade.ask()
    house.ends(compiled())
    assert house.upgrade.complaints == ["the new gateway cannot be started: no such file"]


def test_a_check_that_cannot_be_started_is_said(house: House) -> None:
    house.refuse = OSError(11, "no more")
    house.upgrade.ask()
    assert house.upgrade.status() == {
        "checking": False,
        "refused": ["the check cannot be started: no more"],
    }


def test_there_is_one_check_at_a_time(house: House) -> None:
    house.upgrade.ask()
    assert not house.upgrade.ask()
    house.ends(Compiled(None, b"", b"", ["no"]))
    assert house.upgrade.ask()
    assert len(house.checks) == 2


def test_complaints_are_those_of_the_last_wish(house: House) -> None:
    house.upgrade.ask()
    house.ends(Compiled(None, b"", b"", ["no"]))
    house.upgrade.ask()
    assert house.upgrade.status() == {"checking": True, "refused": []}


def test_a_gateway_that_ends_becomes_nothing_else(house: House) -> None:
    house.upgrade.ask()
    house.upgrade.forget()
    house.ends(compiled())
    assert house.became == []


def test_who_was_asked_for_nothing_does_nothing(house: House) -> None:
    house.upgrade.reap()
    assert (house.became, house.events, house.checks) == ([], [], [])


def test_a_gateway_that_ends_takes_no_more_wishes(house: House) -> None:
    house.upgrade.forget()
    assert (house.upgrade.ask(), house.checks) == (False, [])


def test_a_check_that_takes_too_long_is_ended_once(house: House) -> None:
    house.upgrade.ask()
    house.clock.advance(LONGEST)
    house.upgrade.tick()
    ended = [house.checks[0].ended]
    house.clock.advance(0.1)
    for _ in range(3):
        house.upgrade.tick()
        ended.append(house.checks[0].ended)
    assert ended == [0, 1, 1, 1]


def test_who_was_asked_for_nothing_ends_nothing(house: House) -> None:
    house.upgrade.ask()
    house.ends(Compiled(None, b"", b"", ["no"]))
    house.clock.advance(LONGEST + 1.0)
    house.upgrade.tick()
    assert house.checks[0].ended == 0
