"""The guard as a process: it says that it is there, and stays until it is asked to end."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import tta_gateway
from tta_gateway.node.child import Child, start

PATIENCE = 20.0  # seconds, for an interpreter on a busy machine


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    monkeypatch.setenv("PYTHONPATH", str(Path(tta_gateway.__file__).parents[1]))
    made = start("tta_gateway.node.guard_main", data=b"")
    made.channel.settimeout(PATIENCE)
    yield made
    made.process.kill()
    cast("Any", made.process).wait(PATIENCE)
    made.channel.close()


def test_it_ends_when_nobody_is_at_the_other_end_any_more(guard: Child) -> None:
    assert guard.channel.recv(64) == b"ready 0"
    guard.channel.close()
    assert cast("Any", guard.process).wait(PATIENCE) == 0


def test_it_is_ready_survives_ctrl_c_and_ends_when_it_is_asked_to(guard: Child) -> None:
    assert guard.channel.recv(64) == b"ready 0"
    guard.process.send_signal(signal.SIGINT)
    assert guard.process.poll() is None
    guard.process.send_signal(signal.SIGTERM)
    assert cast("Any", guard.process).wait(PATIENCE) == 0
