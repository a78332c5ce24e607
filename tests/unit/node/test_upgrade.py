"""What becomes of the wish for a newer gateway, without a process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tta_gateway.node.reload import Compiled
from tta_gateway.node.upgrade import Upgrade
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Listener, Snapshot

FILE = Path("gateway.yaml")
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

    def __init__(self, file: Path, version: int) -> None:
        self.asked = (file, version)
        self.end: Compiled | None = None

    def result(self) -> Compiled | None:
        return self.end


class House:
    """An upgrade, and all that it has done."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self.events: list[tuple[str, object]] = []
        self.handed: list[tuple[object, Path]] = []
        self.refuse: OSError | None = None
        self.fault: OSError | None = None
        self.upgrade = Upgrade(
            FILE,
            in_force=lambda: IN_FORCE,
            compiling=cast("Callable[[Path, int], Any]", self._check),
            log=cast("Any", self),
            become=cast("Callable[[Compiled], Any]", lambda good: ("handover", good)),
            hand_over=self._hand_over,
        )

    def _check(self, file: Path, version: int) -> Check:
        if self.refuse is not None:
            raise self.refuse
        self.checks.append(Check(file, version))
        return self.checks[-1]

    def _hand_over(self, handover: object, file: Path) -> None:
        if self.fault is not None:
            raise self.fault
        self.handed.append((handover, file))

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, *fields.values()))  # type: ignore[arg-type]

    def ends(self, result: Compiled) -> None:
        self.checks[-1].end = result
        self.upgrade.reap()


@pytest.fixture
def house() -> House:
    return House()


def test_what_is_installed_is_checked_with_the_configuration_first(house: House) -> None:
    assert house.upgrade.ask()
    house.upgrade.reap()
    assert (house.checks[0].asked, house.handed) == ((FILE, 5), [])
    assert house.upgrade.status() == {"checking": True, "refused": []}


def test_what_is_good_takes_over_with_what_was_compiled(house: House) -> None:
    house.upgrade.ask()
    good = compiled()
    house.ends(good)
    assert (house.handed, house.events) == ([(("handover", good), FILE)], [])


def test_what_does_not_even_start_changes_nothing_and_is_said(house: House) -> None:
    house.upgrade.ask()
    house.ends(Compiled(None, b"", b"", ["ImportError: no module"]))
    assert (house.handed, house.events) == (
        [],
        [("upgrade_refused", ["ImportError: no module"])],
    )
    assert house.upgrade.status() == {"checking": False, "refused": ["ImportError: no module"]}


def test_what_a_process_has_for_life_is_no_upgrade_s_to_change(house: House) -> None:
    house.upgrade.ask()
    house.ends(compiled(workers=3))
    assert (house.handed, house.upgrade.complaints) == (
        [],
        ["workers: cannot change while the gateway runs: start it anew"],
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


def test_who_was_asked_for_nothing_does_nothing(house: House) -> None:
    house.upgrade.reap()
    assert (house.handed, house.events, house.checks) == ([], [], [])
