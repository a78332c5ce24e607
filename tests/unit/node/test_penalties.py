"""The lines that say why an endpoint gets less, and that it does again."""

import pytest

from tests.helpers.judged import FAST, SLOW, Judged
from tests.helpers.known_services import ONE, OTHER, THIRD
from tta_gateway.kernel.events import EndpointChanged


@pytest.fixture
def house() -> Judged:
    return Judged()


def penalised(house: Judged, by: str = "worker 7") -> None:
    """Let a worker say that it penalises the first endpoint."""
    house.bus.publish(
        EndpointChanged(
            service="players",
            endpoint=ONE.name,
            change="penalised",
            cause="slow",
            at=house.clock.wall(),
            by=by,
        )
    )


def answered(house: Judged, first: float) -> None:
    for endpoint, seconds in ((ONE, first), (OTHER, FAST), (THIRD, FAST)):
        house.took(endpoint, seconds, 5)


def test_the_line_says_weight_and_p99_beside_the_peers(house: Judged) -> None:
    answered(house, SLOW)
    penalised(house)
    house.sighted(penalised=True, weight=0.31, ratio=4.8)
    house.elapse(2.5)
    (line,) = house.written("endpoint_slow")
    assert (line["service"], line["endpoint"], line["weight"]) == ("players", ONE.name, 0.31)
    assert 0.1 < line["p99"] <= 0.25
    assert 0.005 < line["peers_p99"] <= 0.01
    assert line["ratio"] == pytest.approx(line["p99"] / line["peers_p99"], abs=0.01)
    times = f"{line['ratio']:.1f}"
    assert line["why"] == f"players/{ONE.name}: weight 0.31, p99 {times} times its peers"


def test_what_the_line_was_made_of_is_not_kept_for_as_long_as_the_penalty_lasts(
    house: Judged,
) -> None:
    answered(house, SLOW)
    penalised(house)
    house.sighted(penalised=True)
    house.elapse(2.5)
    (penalty,) = house.penalties._open.values()
    assert (penalty.stage, penalty.seen) == ("told", {})


def test_what_was_fast_before_does_not_hide_what_is_slow_now(house: Judged) -> None:
    """Red with all that the window holds, in node/penalties.py, _hear."""
    for _ in range(100):
        answered(house, FAST)
    house.times.tick(house.clock.monotonic())
    for _ in range(5):
        answered(house, SLOW)
    penalised(house)
    house.sighted(penalised=True, weight=0.31, ratio=4.8)
    house.elapse(2.5)
    (line,) = house.written("endpoint_slow")
    assert line["p99"] > 0.1


def test_however_many_workers_penalise_it_there_is_one_line_and_one_when_none_does_any_more(
    house: Judged,
) -> None:
    answered(house, SLOW)
    for by in ("worker 7", "worker 8"):
        penalised(house, by)
    house.elapse(2.5)
    house.sighted(penalised=True)
    house.elapse(5.0)
    house.sighted(penalised=False)
    house.elapse(1.0)  # from here on the times of the second line count
    answered(house, FAST)
    house.elapse(2.5)
    house.elapse(60.0)
    assert [one["event"] for one in house.log.events] == ["endpoint_slow", "endpoint_fast_again"]
    line = house.log.events[1]
    assert (line["ratio"], line["weight"]) == (1.0, 1.0)
    assert line["why"] == f"players/{ONE.name}: weight 1.00, p99 1.0 times its peers"


def test_as_long_as_one_worker_holds_it_for_slow_it_is(house: Judged) -> None:
    penalised(house)
    for _ in range(10):
        house.sighted(penalised=True)
        house.elapse(5.0)
    assert [one["event"] for one in house.log.events] == ["endpoint_slow"]


def test_an_endpoint_that_fails_fast_is_said_to_fail_perhaps(house: Judged) -> None:
    answered(house, FAST)
    penalised(house)
    house.sighted(penalised=True, weight=0.25, ratio=6.0)
    house.elapse(2.5)
    (line,) = house.written("endpoint_slow")
    assert line["why"] == (
        f"players/{ONE.name}: weight 0.25, p99 1.0 times its peers,"
        " 6.0 times as slow as its peers, or failing"
    )


def test_without_answers_there_is_no_p99_to_tell(house: Judged) -> None:
    penalised(house)
    house.elapse(2.5)
    (line,) = house.written("endpoint_slow")
    assert (line["p99"], line["peers_p99"], line["ratio"]) == (0.0, 0.0, 0.0)
    assert line["why"] == f"players/{ONE.name}: weight 1.00"


def test_what_all_workers_were_told_is_taken_back_when_none_holds_it_for_slow(
    house: Judged,
) -> None:
    answered(house, SLOW)
    answered(house, SLOW)
    house.elapse(10.0)
    assert house.stand(9001).slow_since > 0.0
    house.elapse(2.5)
    house.elapse(4.0)
    assert house.states() is None  # there is nothing to say any more
    assert [change for _, change, _ in house.changes()] == ["penalised", "as_fast_as_its_peers"]


def test_a_control_that_comes_later_goes_on_with_it(house: Judged) -> None:
    answered(house, SLOW)
    answered(house, SLOW)
    house.elapse(10.0)
    live = {"players": house.told["service/players"]}
    later = Judged(live={name: one for name, one in live.items() if one})
    later.sighted(penalised=True)
    later.elapse(6.0)
    assert later.known().slow_since > 0.0
    later.clock.advance(10.0)
    later.elapse(0.0)
    assert (later.known().slow_since, later.written("endpoint_slow")) == (0.0, [])


def test_one_that_is_slow_again_before_its_end_was_told_is_slow_all_the_while(
    house: Judged,
) -> None:
    penalised(house)
    house.elapse(2.5)
    house.elapse(4.0)
    penalised(house)
    house.sighted(penalised=True)
    house.elapse(2.5)
    house.elapse(2.5)
    assert [one["event"] for one in house.log.events] == ["endpoint_slow"]


def test_what_all_workers_together_find_is_told_to_all_before_it_is_over(house: Judged) -> None:
    """The only worker that held it for slow does no more, and none has heard of it yet."""
    penalised(house)
    house.elapse(2.5)
    house.sighted(penalised=True)
    house.elapse(4.5)
    answered(house, SLOW)
    answered(house, SLOW)
    house.sighted(penalised=False)
    house.elapse(3.0)
    assert house.known().slow_since > 0.0
    house.elapse(6.0)
    assert house.known().slow_since == 0.0


def test_an_endpoint_that_is_gone_is_forgotten(house: Judged) -> None:
    penalised(house)
    house.services.adopt([], checked=lambda _: False)
    house.elapse(10.0)
    assert house.log.events == []
    penalised(house)
    house.elapse(10.0)
    assert house.log.events == []
