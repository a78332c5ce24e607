"""Honest crowds before a service that has too little of its machine, simulated: who is refused?"""

from typing import Final

import pytest

from tests.helpers.admission_crowd import ALL_ALIKE, CrowdSimulation
from tta_gateway.kernel.traffic import CRISIS, STANDARD, THERAPEUTIC

MIXED: Final = {CRISIS: 0.02, THERAPEUTIC: 0.48, STANDARD: 0.5}


def after_replacing(simulation: CrowdSimulation) -> CrowdSimulation:
    """Replace each worker twice, while everybody goes on asking."""
    simulation.run(4.0)
    for number in range(4):
        simulation.replace(number % 2)
        simulation.run(4.0)
    return simulation


@pytest.mark.parametrize("stalls", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("takes", [0.001, 0.003, 0.01])
def test_of_a_crowd_of_one_class_nobody_is_refused_and_nothing_limited(
    takes: float, stalls: float
) -> None:
    """Red where a service that has queued what one class asks is asked less."""
    simulation = after_replacing(CrowdSimulation(takes=takes, stalls=stalls, mix=ALL_ALIKE))
    assert simulation.refused.total() == 0
    assert min(limit for _, limit in simulation.limits) == 1024


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("stalls", [0.0, 0.5])
@pytest.mark.parametrize("takes", [0.001, 0.003, 0.005])
def test_of_a_mixed_crowd_nobody_in_need_is_refused(takes: float, stalls: float, seed: int) -> None:
    """Red where those who have waited long enough are turned away for a limit that was guessed."""
    simulation = after_replacing(CrowdSimulation(takes=takes, stalls=stalls, mix=MIXED, seed=seed))
    assert min(limit for _, limit in simulation.limits) < 1024 or stalls > 0.0 or takes < 0.002
    assert simulation.refused[CRISIS] == simulation.refused[THERAPEUTIC] == 0
