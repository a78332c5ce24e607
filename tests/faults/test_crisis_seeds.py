"""Whatever is killed while people at risk write: whoever was helped is told of, until answered.

One gateway lives through all seeds; `SEEDS=200` makes it so many (`make soak` does).  Each kills up
to three of its processes (workers, control, both stores, the guard) at random instants, while four
people write by REST and through the hub.  Those of a seed are answered after the next one.
"""

import sys
from collections.abc import Iterator

import pytest

from tests.helpers.crisis_node import CrisisNode, crisis_node
from tests.helpers.slow import settled, wait_until
from tests.helpers.soak import SEEDS

pytestmark = pytest.mark.e2e
_PATIENCE = 30.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrisisNode]:
    with crisis_node(tmp_path_factory.mktemp("crisis")) as made:
        yield made
        sys.stdout.write(made.figures() + "\n")


def names_of(node: CrisisNode, seeds: set[int]) -> list[str]:
    """Return those who were helped in a seed."""
    helped = [one.person for one in node.said if one.fate == "helped"]
    return [one for one in helped if int(one.partition("-")[0]) in seeds]


def answered_before(node: CrisisNode, seed: int) -> None:
    """Answer for everybody who wrote before this seed, once they were called of again."""
    waiting = {name: one for name, one in node.open().items() if int(name.split("-")[0]) < seed}
    unknown = set(names_of(node, set(range(seed)))) - set(waiting) - set(node.acknowledged)
    assert unknown == set()

    def again() -> bool:
        numbers = node.numbers(node.pager)
        return all(max(numbers.get(name, [0])) >= 2 for name in waiting)

    assert wait_until(again, _PATIENCE), (waiting, node.numbers(node.pager))
    for one in waiting.values():
        node.answer(one)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whoever_is_helped_is_told_of_whatever_is_killed(node: CrisisNode, seed: int) -> None:
    said = node.round(seed)
    assert [one for one in said if one.fate == "bare"] == []
    helped = names_of(node, {seed})
    assert len(helped) == 4
    assert wait_until(lambda: set(helped) <= set(node.numbers(node.pager)), _PATIENCE), said
    answered_before(node, seed)
    assert wait_until(node.is_whole, _PATIENCE)


def test_everybody_was_called_of_until_somebody_answered_and_no_longer(node: CrisisNode) -> None:
    answered_before(node, SEEDS)
    assert node.open() == {}
    count = settled(lambda: len(node.pager.calls) + len(node.ward.calls), quiet=1.5)
    assert count
    late = {
        name: numbers
        for receiver in (node.pager, node.ward)
        for name, numbers in node.numbers(receiver).items()
        if max(numbers) > node.acknowledged[name]
    }
    assert late == {}


def test_a_notice_comes_once_more_only_where_the_guard_was_killed(node: CrisisNode) -> None:
    assert node.unexplained() == []


def test_each_message_is_in_one_incident(node: CrisisNode) -> None:
    found, skip = [], 0
    while page := node.one.ask(do="list", all=True, skip=skip)["incidents"]:
        found += page
        skip += len(page)
    people = [one["person"].rpartition("/")[2] for one in found]
    assert len(people) == len(set(people))
    assert set(people) >= set(names_of(node, set(range(SEEDS))))
    written = {one.person for one in node.said}
    assert set(people) <= written
