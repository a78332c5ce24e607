"""Giving way: of a process, which cannot take it back."""

import os
import subprocess
import sys

import pytest

SAYS = "print(os.sched_getscheduler(0), os.nice(0))"


def said(*lines: str) -> str:
    """What a process prints that runs these lines."""
    code = "\n".join(("import os", "from tta_gateway.support import giving_way", *lines, SAYS))
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # the copy that is tested
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=here
    )
    return done.stdout.strip()


def test_it_runs_only_where_nobody_else_does() -> None:
    policy, _ = said("giving_way.give_way()").split()
    assert int(policy) == os.SCHED_IDLE


@pytest.mark.parametrize(
    "refused",
    [
        "def refuse(*_): raise PermissionError(1)\nos.sched_setscheduler = refuse",
        "del os.SCHED_IDLE",
    ],
)
def test_where_that_is_refused_or_unknown_a_low_priority_has_to_do(refused: str) -> None:
    assert said(refused, "giving_way.give_way()") == f"{os.SCHED_OTHER} 19"


def test_one_that_steps_back_runs_on() -> None:
    assert said("giving_way.step_back()") == f"{os.SCHED_OTHER} {max(10, os.nice(0))}"


def test_one_that_has_stepped_back_further_stays_there() -> None:
    lines = "os.nice(15 - os.nice(0))", "giving_way.step_back()"
    assert said(*lines) == f"{os.SCHED_OTHER} 15"
