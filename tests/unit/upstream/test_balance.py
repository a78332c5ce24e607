from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.upstream.balance import LeastRequest, RoundRobin, Weighted, balancer


@dataclass
class Endpoint:
    """An endpoint as the choice sees it."""

    name: str = ""
    weight: float = 1.0
    in_flight: int = 0
    credit: float = 0.0


def endpoints(*weights: int) -> list[Endpoint]:
    return [Endpoint(str(number), weight) for number, weight in enumerate(weights)]


def busy(*in_flight: int) -> list[Endpoint]:
    return [Endpoint(str(number), in_flight=count) for number, count in enumerate(in_flight)]


def never() -> float:
    raise AssertionError("nothing is left to chance here")


class Lot:
    """A source of chance that draws what the test says."""

    def __init__(self, *draws: float) -> None:
        self._draws = list(draws)

    def __call__(self) -> float:
        return self._draws.pop(0)


def test_round_robin_begins_with_the_first() -> None:
    assert RoundRobin().choose(endpoints(1, 1), never).name == "0"


def test_round_robin_takes_each_in_its_turn() -> None:
    ring, of = RoundRobin(), endpoints(1, 1, 1)
    assert [ring.choose(of, never).name for _ in range(6)] == ["0", "1", "2", "0", "1", "2"]


@given(count=st.integers(1, 8), turns=st.integers(0, 50))
def test_round_robin_is_even(count: int, turns: int) -> None:
    ring, of = RoundRobin(), endpoints(*[1] * count)
    chosen = Counter(ring.choose(of, never).name for _ in range(turns))
    counts = [chosen[one.name] for one in of]
    assert max(counts) - min(counts) <= 1


def test_weighted_spreads_the_heavier_one_over_its_cycle() -> None:
    weighted, of = Weighted(), endpoints(5, 1, 1)
    assert "".join(weighted.choose(of, never).name for _ in range(7)) == "0010200"


WEIGHTS = st.lists(st.integers(1, 12), min_size=1, max_size=6)


@given(weights=WEIGHTS, cycles=st.integers(1, 3))
def test_weighted_is_exact_over_a_cycle(weights: list[int], cycles: int) -> None:
    weighted, of = Weighted(), endpoints(*weights)
    chosen = Counter(weighted.choose(of, never).name for _ in range(cycles * sum(weights)))
    assert [chosen[one.name] for one in of] == [cycles * weight for weight in weights]


@given(weights=WEIGHTS)
def test_weighted_owes_nobody_anything_at_the_end_of_a_cycle(weights: list[int]) -> None:
    weighted, of = Weighted(), endpoints(*weights)
    for _ in range(sum(weights)):
        weighted.choose(of, never)
    assert [one.credit for one in of] == [0] * len(of)


@given(weights=WEIGHTS, turns=st.integers(1, 80))
def test_weighted_is_never_more_than_a_turn_per_endpoint_from_even(
    weights: list[int], turns: int
) -> None:
    weighted, of = Weighted(), endpoints(*weights)
    chosen = Counter(weighted.choose(of, never).name for _ in range(turns))
    share = {one.name: turns * one.weight / sum(weights) for one in of}
    assert all(abs(chosen[name] - due) < len(of) for name, due in share.items())


def test_the_only_endpoint_is_taken_without_a_draw() -> None:
    assert LeastRequest().choose(busy(9), never).name == "0"


@pytest.mark.parametrize(
    ("draws", "name"),
    [((0.0, 0.0), "1"), ((0.0, 0.99), "2"), ((0.99, 0.0), "2"), ((0.5, 0.5), "2")],
)
def test_of_two_drawn_by_lot_the_less_busy_is_taken(draws: tuple[float, float], name: str) -> None:
    assert LeastRequest().choose(busy(9, 5, 1), Lot(*draws)).name == name


def test_an_endpoint_of_twice_the_weight_is_as_busy_with_twice_the_requests() -> None:
    heavy, light = Endpoint("heavy", weight=2, in_flight=3), Endpoint("light", in_flight=2)
    assert LeastRequest().choose([light, heavy], Lot(0.0, 0.0)).name == "heavy"


ENDPOINT = st.builds(Endpoint, weight=st.integers(1, 5), in_flight=st.integers(0, 9))
ENDPOINTS = st.lists(ENDPOINT, min_size=1, max_size=5)
CHANCE = st.floats(0, 1, exclude_max=True)


@given(one=ENDPOINT, other=ENDPOINT, draws=st.tuples(CHANCE, CHANCE))
def test_the_busier_of_two_is_never_taken(
    one: Endpoint, other: Endpoint, draws: tuple[float, float]
) -> None:
    taken = LeastRequest().choose([one, other], Lot(*draws))
    least = min(each.in_flight / each.weight for each in (one, other))
    assert taken.in_flight / taken.weight == least


@given(of=ENDPOINTS, draws=st.tuples(CHANCE, CHANCE))
def test_the_busiest_of_all_is_never_taken(of: list[Endpoint], draws: tuple[float, float]) -> None:
    of.append(Endpoint("busiest", in_flight=1000))
    assert LeastRequest().choose(of, Lot(*draws)).name != "busiest"


@given(first=CHANCE, second=CHANCE, count=st.integers(2, 6))
def test_two_different_endpoints_are_drawn(first: float, second: float, count: int) -> None:
    of = busy(*range(count))
    drawn = {
        LeastRequest().choose(of, Lot(first, second)).name,
        LeastRequest().choose(_reversed_load(of), Lot(first, second)).name,
    }
    assert len(drawn) == 2


def _reversed_load(of: list[Endpoint]) -> list[Endpoint]:
    return [Endpoint(one.name, in_flight=-one.in_flight) for one in of]


def test_under_equal_load_each_pair_is_drawn_as_often() -> None:
    steps = 60
    draws = [(one / steps, other / steps) for one in range(steps) for other in range(steps)]
    chosen = Counter(LeastRequest().choose(busy(0, 0, 0), Lot(*pair)).name for pair in draws)
    assert chosen == {"0": 1200, "1": 1200, "2": 1200}


@given(st.lists(st.integers(1, 20), min_size=2, max_size=5), st.integers(0, 99))
def test_heavier_endpoints_are_drawn_as_often_as_they_weigh(weights: list[int], seed: int) -> None:
    lots, of = Random(seed), endpoints(*weights)
    least = LeastRequest()
    least.heaviest = 0.0 if len(set(weights)) == 1 else float(max(weights))
    turns = 4000
    chosen = Counter(least.choose(of, lots.random).name for _ in range(turns))
    for one in of:
        assert abs(chosen[one.name] / turns - one.weight / sum(weights)) < 0.05


@pytest.mark.parametrize(
    ("kind", "made"),
    [("round_robin", RoundRobin), ("weighted", Weighted), ("least_request", LeastRequest)],
)
def test_a_balancer_is_of_the_kind_that_was_asked_for(kind: str, made: type[object]) -> None:
    assert isinstance(balancer(kind), made)  # type: ignore[arg-type]


def test_two_services_never_share_a_turn() -> None:
    one, other = balancer("round_robin"), balancer("round_robin")
    one.choose(endpoints(1, 1), never)
    assert other.choose(endpoints(1, 1), never).name == "0"


def test_where_no_lot_falls_to_anybody_the_last_one_drawn_is_taken() -> None:
    least = LeastRequest()
    least.heaviest = 1.0
    light = [Endpoint("0", 1e-9), Endpoint("1", 1e-9)]
    assert least.choose(light, lambda: 0.99).name == "1"
