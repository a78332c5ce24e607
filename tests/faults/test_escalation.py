"""The guard is killed at any moment: everybody in need is told of until somebody answers.

A notice that was not confirmed before a kill may come once more, with the same id; none is never
allowed.  Red once without `self._store.mark` in the transaction of `Escalation.take` (a report is
taken twice, or never), and without `owe` in that of its call.
"""

import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.helpers.alert_receiver import Receiver
from tests.helpers.escalated import Escalated, escalated, heard, quick, times
from tests.helpers.slow import settled, wait_until

pytestmark = pytest.mark.e2e
SEEDS = range(int(os.environ.get("TTA_SEEDS", "6")))


@pytest.fixture(scope="module")
def pager() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, pager: Receiver) -> Iterator[Escalated]:
    contacts = {"pager": {"webhook": {"url": pager.url, "unsigned": "a test"}}}
    levels = {"high": quick("pager"), "imminent": quick("pager")}
    folder = tmp_path_factory.mktemp("escalation")
    with escalated(folder, {"contacts": contacts, "levels": levels}) as one:
        yield one


@pytest.mark.parametrize("seed", SEEDS)
def test_whenever_the_guard_is_killed_nobody_is_lost_and_nobody_is_told_thrice(
    node: Escalated, pager: Receiver, seed: int
) -> None:
    chance = random.Random(seed)
    people = [f"gateway/{seed}-{number}" for number in range(3)]
    node.write(*people[:1], level=chance.choice((2, 3)))
    time.sleep(chance.random() * 0.02)
    node.kill()
    node.write(*people[1:])
    assert wait_until(lambda: all(heard(pager, one) for one in people), 30.0)
    counts = times(pager)
    for one in people:
        first = heard(pager, one)[0]
        assert counts[first["id"]] in (1, 2)
    # Nobody has answered: they are called again.
    assert wait_until(
        lambda: all(max(told["number"] for told in heard(pager, one)) >= 2 for one in people), 30.0
    )
    node.acknowledge(*people)

    def count() -> int:
        return sum(len(heard(pager, one)) for one in people)

    seen = settled(count, quiet=1.0)  # what was under way
    assert not wait_until(lambda: count() > seen, 1.5)


def test_no_report_is_in_two_incidents_or_in_none(node: Escalated) -> None:
    told = node.ask(do="list", all=True)["incidents"]
    assert [one["reports"] for one in told] == [1] * len(told)
    assert len({one["person"] for one in told}) == len(told) == 3 * len(SEEDS)
