"""Slow clients by the hundred with the shield on, beside honest people.

What they are told without it: test_slow_attacks.py; the figures: bench/slow_attacks.py.  On a
machine that others use only a rough bar holds for how long people wait.
"""

from pathlib import Path
from typing import Final

import pytest

from tests.helpers.http_service import services
from tests.helpers.slow_attacks import ATTACKER, KINDS, MIB, attacked, patient

pytestmark = pytest.mark.e2e

ROUGH: Final = 0.2  # seconds that another process may take the core for


@pytest.mark.parametrize("name", list(KINDS))
def test_slow_clients_are_seen_and_kept_out_and_nobody_honest_feels_it(
    tmp_path: Path, name: str
) -> None:
    """Red without `self._entrance.ward.slow(…)` in edge/client_connection.py, on_deadline.

    And, of heads and bodies, without REQUEST_TIMEOUT in features/shield/policy.py.
    """
    with services(1) as (service,), patient(tmp_path, service) as node:
        told = attacked(node, KINDS[name], calm=2.0)
        assert told.slow >= 10
        assert ATTACKER in told.blocked or "127.0.0.0/24" in told.blocked
        assert node.is_out(ATTACKER)
        assert told.blames() == []
        assert set(told.outcomes) == {200}
        assert told.grown < 50 * MIB
        before, meanwhile = told.before.quantile(0.99), told.meanwhile.quantile(0.99)
        assert meanwhile < max(2 * before, ROUGH), (before, meanwhile)
