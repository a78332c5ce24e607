from typing import ClassVar

from tests.helpers.builders import Bound
from tta_gateway.pipeline.check import complaints


class Giver(Bound):
    name: ClassVar = "identity"
    gives: ClassVar = frozenset({"principal"})


class Needer(Bound):
    name: ClassVar = "access"
    needs: ClassVar = frozenset({"principal"})


class Greedy(Bound):
    name: ClassVar = "consent"
    needs: ClassVar = frozenset({"principal", "address"})


def test_an_order_in_which_every_need_is_met_is_possible() -> None:
    assert complaints([Giver(), Needer()]) == []


def test_a_policy_before_the_one_that_it_needs_is_refused() -> None:
    assert complaints([Needer(), Giver()]) == [
        "access needs `principal`, which no policy before it gives"
    ]


def test_each_missing_fact_is_a_complaint_of_its_own() -> None:
    assert complaints([Greedy()]) == [
        "consent needs `address`, which no policy before it gives",
        "consent needs `principal`, which no policy before it gives",
    ]


def test_what_stands_on_every_exchange_need_not_be_given() -> None:
    assert complaints([Needer()], given=frozenset({"principal"})) == []


def test_a_policy_that_gives_what_it_needs_is_refused_all_the_same() -> None:
    class Selfish(Giver):
        needs: ClassVar = frozenset({"principal"})

    assert complaints([Selfish()]) == [
        "identity needs `principal`, which no policy before it gives"
    ]


def test_a_policy_may_stand_in_the_order_once() -> None:
    assert complaints([Giver(), Giver()]) == ["identity stands in the order twice"]
