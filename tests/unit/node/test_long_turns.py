"""Long turns: asked of the system for one process, and missed by nobody where there are none."""

import os
import platform
import subprocess
import sys

import pytest

from tta_gateway.node import long_turns

_SAYS = """
import ctypes, os, threading
from tta_gateway.node import long_turns
def told():
    found = ctypes.create_string_buffer(long_turns.ATTRIBUTES.size)
    number = 1 + long_turns._SET[os.uname().machine]
    ctypes.CDLL(None).syscall(number, threading.get_native_id(), found, len(found), 0)
    _, policy, __, nice, ___, runtime, *____ = long_turns.ATTRIBUTES.unpack(found.raw)
    print(policy, nice, runtime)
"""


def said(*lines: str) -> list[str]:
    """What a process prints that runs these lines."""
    code = "\n".join((_SAYS, *lines))
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # the copy that is tested
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=here
    )
    return done.stdout.split()


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split(".")[:2])


@pytest.mark.skipif(_version() < (6, 12), reason="Linux has turns of one's own since 6.12")
def test_its_turns_are_long_and_patient_its_threads_too_and_its_priority_stays() -> None:
    told = said(
        "print(long_turns.take_long_turns())",
        "told()",
        "one = threading.Thread(target=told)",
        "one.start()",
        "one.join()",
    )
    assert told == ["True", *[str(os.SCHED_BATCH), str(os.nice(0)), str(long_turns.LONG)] * 2]


@pytest.mark.skipif(_version() < (6, 12), reason="Linux has turns of one's own since 6.12")
def test_who_gives_way_behind_that_keeps_them() -> None:
    told = said(
        "long_turns.take_long_turns()",
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))",
        "told()",
    )
    assert told == [str(os.SCHED_IDLE), str(os.nice(0)), str(long_turns.LONG)]


@pytest.mark.skipif(_version() < (6, 12), reason="Linux has turns of one's own since 6.12")
def test_another_may_be_given_turns_and_gives_way_with_them() -> None:
    told = said(
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))",
        "print(long_turns.take_turns(os.getpid(), 200_000))",
        "told()",
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))",
        "told()",
    )
    given = str(os.nice(0)), "200000"
    assert told == ["True", str(os.SCHED_BATCH), *given, str(os.SCHED_IDLE), *given]


def test_where_nobody_knows_how_to_ask_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    assert not long_turns.take_long_turns()
