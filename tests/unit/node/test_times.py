"""How long endpoints took of late, by what all workers have counted."""

from collections.abc import Mapping

import pytest

from tta_gateway.node.merged import Routes, answers
from tta_gateway.node.times import Sums, Times, beside
from tta_gateway.support.metrics import Metric, Registry
from tta_gateway.support.segment import Segment
from tta_gateway.upstream.timing import DURATION, Timings

FAST, SLOW = 0.01, 0.2


class Workers:
    """Two workers that count, each in a segment of its own."""

    def __init__(self) -> None:
        self.segments = [Segment(), Segment()]
        self.times = Times(lambda: self.segments)
        self.begin()

    def begin(self) -> None:
        """Have both begin (again), each where the one before it stopped."""
        self.timings = [Timings("players", Registry(one)) for one in self.segments]

    def took(self, endpoint: str, *seconds: float, worker: int = 0, route: str = "/a") -> None:
        timing = self.timings[worker].of(endpoint, route)
        for one in seconds:
            timing.observe(one)

    def seen(self) -> dict[str, int]:
        """Answers in the windows, by endpoint."""
        return counted(self.times.seen("players", self.times.sums.of("players")))

    def lately(self) -> dict[str, int]:
        return counted(self.times.lately("players"))

    def next(self, now: float, *needed: str) -> None:
        sums = self.times.sums.of("players")
        self.times.next("players", sums, now, needed=needed)


def counted(seen: Mapping[str, Routes]) -> dict[str, int]:
    return {name: answers(routes) for name, routes in seen.items()}


@pytest.fixture
def workers() -> Workers:
    return Workers()


def test_what_all_workers_counted_is_one_sum_for_each_endpoint_and_route(workers: Workers) -> None:
    workers.took("one", FAST, FAST)
    workers.took("one", SLOW, worker=1)
    workers.took("one", FAST, worker=1, route="/b")
    workers.took("other", FAST)
    sums = workers.times.sums.of("players")
    assert {name: set(routes) for name, routes in sums.items()} == {
        "one": {"/a", "/b"},
        "other": {"/a"},
    }
    assert sums["one"]["/a"][-1] == pytest.approx(2 * FAST + SLOW)
    assert answers(sums["one"]) == 4
    assert workers.times.sums.of_endpoint("players", "one") == sums["one"]
    assert (workers.times.sums.of("nobody"), workers.times.sums.of_endpoint("players", "x")) == (
        {},
        {},
    )


def test_what_is_counted_for_the_first_time_later_is_found_and_nothing_twice(
    workers: Workers,
) -> None:
    for route in ("/a", "/b", "/c"):
        workers.took("one", FAST, route=route)
        found = answers(workers.times.sums.of_endpoint("players", "one"))
        assert found == 1 + "/a/b/c".index(route) // 2
    workers.segments.append(Segment())
    Timings("players", Registry(workers.segments[2])).of("one", "/a").observe(FAST)
    assert answers(workers.times.sums.of_endpoint("players", "one")) == 4


def test_a_worker_s_successor_goes_on_with_its_own(workers: Workers) -> None:
    workers.times.begin("players", ["one"], 0.0)
    workers.took("one", FAST, FAST)
    workers.begin()
    workers.took("one", FAST)
    assert workers.seen() == {"one": 3}


def test_what_another_version_counted_in_other_buckets_is_left_out(workers: Workers) -> None:
    old = Metric(DURATION.name, "histogram", "Old.", DURATION.labels, (1.0, 2.0))
    Registry(workers.segments[0]).child(old, "players", "one", "/a").observe(FAST)
    assert workers.times.sums.of("players") == {}


def test_a_window_knows_nothing_of_before_it(workers: Workers) -> None:
    workers.took("one", FAST)
    workers.times.begin("players", ["one", "other"], 0.0)
    workers.took("one", FAST, FAST, worker=1)
    assert workers.seen() == {"one": 2, "other": 0}
    workers.times.begin("players", ["other"], 1.0)
    assert workers.seen() == {"other": 0}


def test_windows_end_with_an_interval_in_which_enough_was_counted(workers: Workers) -> None:
    workers.times.begin("players", ["one", "other", "third"], 0.0)
    workers.took("one", *[FAST] * 10)
    workers.took("other", *[FAST] * 9)
    workers.next(10.0, "one", "other", "third", "gone")
    assert workers.seen() == {"one": 10, "other": 9, "third": 0}
    workers.took("other", FAST)
    workers.next(20.0, "one", "other", "third")
    assert workers.seen() == {"one": 0, "other": 0, "third": 0}
    assert workers.lately() == {"one": 10, "other": 10, "third": 0}
    assert workers.times.begun("players", "one") == 20.0
    workers.took("one", FAST)
    workers.next(30.0)  # nobody is waited for
    workers.took("one", FAST)
    assert (workers.seen()["one"], workers.lately()["one"]) == (1, 2)


def test_windows_end_some_time_however_little_is_asked(workers: Workers) -> None:
    workers.times.begin("players", ["one"], 0.0)
    begun = []
    for number in range(1, 13):
        workers.took("one", *([FAST] if number in (1, 7) else []))
        workers.next(float(number), "one")
        begun.append(workers.times.begun("players", "one"))
    assert begun == [0.0] * 5 + [6.0] * 6 + [12.0]


def test_services_that_are_gone_are_forgotten(workers: Workers) -> None:
    workers.times.begin("players", ["one"], 0.0)
    workers.times.retain(["others"])
    assert (workers.seen(), workers.lately()) == ({}, {})


def test_peers_are_all_others_together(workers: Workers) -> None:
    workers.times.begin("players", ["one", "other", "third"], 0.0)
    workers.took("one", *[SLOW] * 5)
    workers.took("other", *[FAST] * 4)
    workers.took("third", *[FAST] * 4, route="/b")
    own, peers = beside(workers.times.lately("players"), "one")
    assert (own.answers, peers.answers) == (5, 8)
    assert own.p99 > 0.1 > peers.p99


def test_of_nobody_nothing_is_known() -> None:
    assert Sums(list).of("players") == {}
    own, peers = beside({}, "one")
    assert (own.answers, peers.answers) == (0, 0)


# The newest


def test_the_newest_times_are_those_of_the_shortest_time_that_tells_something(
    workers: Workers,
) -> None:
    """A thousand answers that were fast hide none of the few that were not."""
    workers.times.begin("players", ["one", "other"], 0.0)
    workers.took("one", *[FAST] * 1000)
    workers.times.tick(10.0)
    workers.took("one", *[FAST] * 45, *[SLOW] * 5)
    workers.took("other", *[FAST] * 5, worker=1)
    workers.times.tick(10.1)  # too early for another
    newest = workers.times.newest("players", "one")
    assert counted(newest) == {"one": 50, "other": 5}
    own, peers = beside(newest, "one")
    assert own.p99 > 0.1 > peers.p99


def test_where_little_is_asked_they_are_of_a_longer_time(workers: Workers) -> None:
    """The window, or that and the one before it, where no snapshot is old enough."""
    workers.times.begin("players", ["one"], 0.0)
    workers.took("one", *[FAST] * 30)
    workers.next(10.0)
    found: list[int] = []
    for _ in range(2):
        for moment in range(20):
            workers.took("one", FAST)
            workers.times.tick(100.0 * len(found) + moment)
        found.append(counted(workers.times.newest("players", "one"))["one"])
        workers.took("one", *[FAST] * 10)
    for moment in range(20):
        workers.times.tick(200.0 + moment)
    found.append(counted(workers.times.newest("players", "one"))["one"])
    assert found == [50, 50, 60]


def test_of_many_series_snapshots_are_taken_less_often(workers: Workers) -> None:
    for route in range(1000):
        workers.took("one", FAST, route=f"/{route}")
    assert len(workers.times.sums) == 1000
    for now in (10.0, 10.4, 10.5):
        workers.times.tick(now)
        workers.took("one", *[FAST] * 60, route="/0")
    assert counted(workers.times.newest("players", "one")) == {"one": 60}
    assert len(workers.times._snapshots) == 2


def test_a_series_that_began_since_counts_whole(workers: Workers) -> None:
    workers.took("other", FAST)
    workers.times.tick(10.0)
    workers.took("one", *[FAST] * 60)
    assert counted(workers.times.newest("players", "one")) == {"other": 0, "one": 60}
