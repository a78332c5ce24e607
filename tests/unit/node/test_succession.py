"""A node that is to become another, and does not."""

import os
import signal
from pathlib import Path
from typing import cast

import msgspec
import pytest

from tests.helpers.house import House, compiled
from tta_gateway.node import succession
from tta_gateway.node.handover import Handover
from tta_gateway.node.signals import Signals
from tta_gateway.snapshot import kept as kept_snapshot
from tta_gateway.support.file_stamp import stamp_of


def test_what_was_compiled_is_handed_over_and_kept(house: House) -> None:
    good = compiled(house)
    assert house.serving().succession._handover(good).snapshot == good.data
    assert (house.folder / kept_snapshot.NAME).read_bytes() == b"sealed"


def test_a_node_becomes_nothing_else_while_workers_are_replaced(house: House) -> None:
    node = house.serving()
    node.operators._restart()
    assert node.succession.not_now(house.snapshot) == [
        "workers are being replaced, or a file is being read: ask again"
    ]


def test_what_a_process_has_for_life_is_no_upgrade_s_to_change(house: House) -> None:
    node = house.serving()
    other = msgspec.structs.replace(house.snapshot, workers=7)
    assert node.succession.not_now(other) == [
        "workers: cannot change while the gateway runs: start it anew"
    ]


def test_a_node_that_stays_what_it_is_writes_its_logs_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Handover, __: Path) -> None:
        raise OSError(2, "no such file")

    node = house.serving()
    monkeypatch.setattr(succession, "hand_over", fail)
    node.upgrade._take(compiled(house))
    assert node.upgrade.complaints == ["the new gateway cannot be started: no such file"]
    assert node.ledger.logs._thread.is_alive()


class Come:
    """Signals that have come and that nobody has read."""

    def __init__(self, numbers: bytes) -> None:
        self._numbers = numbers

    def come(self) -> bytes:
        numbers, self._numbers = self._numbers, b""
        return numbers


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, bool]]:
    """The signals that this process sends, and whether they wait then."""
    made: list[tuple[int, int, bool]] = []

    def kill(pid: int, number: int) -> None:
        made.append((pid, number, number in signal.pthread_sigmask(signal.SIG_BLOCK, ())))

    monkeypatch.setattr(os, "kill", kill)
    return made


def test_signals_not_read_yet_wait_for_the_node_that_it_becomes(
    house: House, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[int, int, bool]]
) -> None:
    def fail(_: Handover, __: Path) -> None:
        raise OSError(2, "no such file")

    node = house.serving()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    node.succession.signals = cast("Signals", Come(bytes([signal.SIGHUP, signal.SIGTERM])))
    monkeypatch.setattr(succession, "hand_over", fail)
    with pytest.raises(OSError, match="no such file"):
        node.succession.become(compiled(house))
    assert sent == [(os.getpid(), number, True) for number in (signal.SIGHUP, signal.SIGTERM)]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_what_a_check_is_given_is_what_would_be_handed_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Path, int, bytes]] = []

    def check(file: Path, version: int, *, known_log: str, handover: bytes) -> None:
        assert known_log == ""
        given.append((file, version, handover))

    node = house.serving()
    node._file.write_text("a")
    monkeypatch.setattr(succession, "Compiling", check)
    node.succession.check()
    ((file, version, handover),) = given
    left = msgspec.msgpack.decode(handover, type=Handover)
    assert (file, version, left.stamp) == (node._file, 2, stamp_of(node._file))
    assert len(left.children) == 4
