"""A service at work: which of its endpoints is asked."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import an_endpoint
from tta_gateway.kernel.events import Proof
from tta_gateway.kernel.problem import (
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    Problem,
)
from tta_gateway.kernel.route import (
    Balance,
    Endpoint,
    EndpointLimits,
    Key,
    Outliers,
    Panic,
    Service,
)
from tta_gateway.kernel.standing import Stand, Standing, State
from tta_gateway.upstream.pool import Pool
from tta_gateway.upstream.service import Upstream

ONE, OTHER = an_endpoint(9001), an_endpoint(9002)
NONE: frozenset[str] = frozenset()
Work = Upstream[str, int]


def a_service(
    *endpoints: Endpoint, in_flight: int = 1, host: str = "", balance: Balance = "round_robin"
) -> Work:
    """Return a service whose connections are words, and whose waiters are numbers."""
    limits = EndpointLimits(in_flight=in_flight)
    return Upstream(
        Service(name="players", endpoints=endpoints, limits=limits, host=host, balance=balance)
    )


def no_chance() -> float:
    raise AssertionError  # nobody draws lots here


def chosen(work: Work, tried: frozenset[str] = NONE) -> Pool[str, int]:
    pool = work.choose(tried, no_chance)
    assert pool is not None
    return pool


def filled(pool: Pool[str, int]) -> str:
    """Let an endpoint have as many requests as it may; return its name."""
    pool.in_flight = pool.limits.in_flight
    return pool.name


def test_each_endpoint_has_a_pool_with_the_service_s_limits() -> None:
    work = a_service(ONE, OTHER, in_flight=7)
    assert [(pool.endpoint, pool.limits.in_flight) for pool in work.pools] == [(ONE, 7), (OTHER, 7)]


def test_a_service_begins_with_nothing_under_way() -> None:
    assert (a_service(ONE).active, a_service(ONE).retrying) == (0, 0)


def test_a_service_knows_the_authorities_of_its_endpoints() -> None:
    assert a_service(ONE, Endpoint(host="Players.LOCAL", port=80)).own == {
        b"127.0.0.1:9001",
        b"players.local:80",
    }


def test_a_host_of_its_own_stands_for_the_service_too() -> None:
    work = a_service(ONE, host="Inner.Example")
    assert work.own == {b"127.0.0.1:9001", b"inner.example"}


def test_a_host_of_its_own_is_told_as_it_is_written() -> None:
    assert a_service(ONE, host="Inner.Example").host == b"Inner.Example"


def test_a_service_without_endpoints_has_none_to_ask() -> None:
    assert a_service().choose(NONE, no_chance) is None


def test_the_only_endpoint_is_asked_whatever_it_has_said_and_however_full_it_is() -> None:
    work = a_service(ONE)
    name = filled(work.pools[0])
    assert chosen(work, frozenset([name])) is work.pools[0]


def test_endpoints_are_asked_as_the_balancer_says() -> None:
    work = a_service(ONE, OTHER)
    assert [chosen(work).endpoint for _ in range(3)] == [ONE, OTHER, ONE]


def test_the_balancer_s_chance_is_the_caller_s() -> None:
    work = a_service(ONE, OTHER, balance="least_request")
    assert [work.choose(NONE, lambda: 0.0), work.choose(NONE, lambda: 0.9)] == work.pools


def test_an_endpoint_that_has_been_tried_is_not_asked_while_another_has_not() -> None:
    work = a_service(ONE, OTHER)
    tried = frozenset([work.pools[0].name])
    assert {chosen(work, tried).endpoint for _ in range(3)} == {OTHER}


def test_an_endpoint_is_asked_again_when_all_have_been_tried() -> None:
    work = a_service(ONE, OTHER)
    tried = frozenset(pool.name for pool in work.pools)
    assert {chosen(work, tried).endpoint for _ in range(3)} == {ONE, OTHER}


def test_an_endpoint_that_is_full_is_not_asked_while_another_has_room() -> None:
    work = a_service(ONE, OTHER)
    filled(work.pools[0])
    assert {chosen(work).endpoint for _ in range(3)} == {OTHER}


def test_a_full_endpoint_is_asked_when_all_are_full() -> None:
    work = a_service(ONE, OTHER)
    for pool in work.pools:
        filled(pool)
    assert chosen(work) is work.pools[0]


def test_an_untried_endpoint_is_asked_though_it_is_full() -> None:
    work = a_service(ONE, OTHER)
    filled(work.pools[1])
    assert chosen(work, frozenset([work.pools[0].name])) is work.pools[1]


# Who may be asked

HOUR = 3600.0
OUTLIERS, PANIC = Outliers(), Panic()


def failing(work: Work, pool: Pool[str, int], times: int, now: float = 0.0) -> None:
    for _ in range(times):
        work.failed(pool, "upstream_reset", now)


def stands(*states: State, fresh: bool = False, since: float = 0.0) -> Standing:
    return Standing(
        endpoints=tuple(
            Stand(endpoint=an_endpoint(9001 + number), state=state, fresh=fresh, since=since)
            for number, state in enumerate(states)
        )
    )


def asked(work: Work) -> list[int]:
    """The ports of those that may be asked."""
    return [pool.endpoint.port for pool in work.open]


def three(
    *,
    outliers: Outliers | None = OUTLIERS,
    panic: Panic = PANIC,
    balance: Balance = "peak_ewma",
) -> Work:
    endpoints = tuple(an_endpoint(port) for port in (9001, 9002, 9003))
    service = Service(
        name="players", endpoints=endpoints, outliers=outliers, panic=panic, balance=balance
    )
    return Upstream(service)


def test_failures_in_a_row_eject_an_endpoint_until_its_time_is_over() -> None:
    work = three()
    failing(work, work.pools[0], 4)
    seen = [asked(work)]
    failing(work, work.pools[0], 1)
    seen.append(asked(work))
    work.tick(29.9)
    seen.append(asked(work))
    work.tick(30.0)
    seen.append(asked(work))
    assert seen == [[9001, 9002, 9003], [9002, 9003], [9002, 9003], [9001, 9002, 9003]]
    assert [(one.endpoint, one.change) for one in work.notices] == [
        ("127.0.0.1:9001", "ejected"),
        ("127.0.0.1:9001", "let_back_in"),
    ]


def test_who_is_let_back_in_begins_with_less() -> None:
    work = three()
    failing(work, work.pools[0], 5)
    weights = []
    for now in (30.0, 31.0, 35.0, 40.0, 45.0):
        work.tick(now)
        weights.append(work.pools[0].weight)
    assert weights == [0.1, 0.1, 0.5, 1.0, 1.0]


@given(st.lists(st.floats(0, 30), min_size=2).map(sorted))
def test_a_slow_start_never_goes_back(moments: list[float]) -> None:
    work = three()
    failing(work, work.pools[0], 5)
    work.tick(30.0)
    weights = []
    for moment in moments:
        work.tick(30.0 + moment)
        weights.append(work.pools[0].weight)
    assert weights == sorted(weights)


def test_an_answer_between_begins_the_count_again() -> None:
    work = three()
    failing(work, work.pools[0], 4)
    work.answered(work.pools[0], "route", 200, 0.01, 0.0)
    failing(work, work.pools[0], 4)
    assert asked(work) == [9001, 9002, 9003]


def test_answers_that_are_errors_of_the_service_count_as_failures() -> None:
    work = three()
    for _ in range(5):
        work.answered(work.pools[0], "route", 503, 0.01, 0.0)
    assert asked(work) == [9002, 9003]


@pytest.mark.parametrize("status", [501, 505])
def test_but_not_those_that_say_that_what_was_asked_for_is_not_there(status: int) -> None:
    """Else whoever may ask could have endpoints left out, by methods that they do not know."""
    work = three()
    for _ in range(50):
        for pool in work.pools[:2]:
            work.answered(pool, "route", status, 0.01, 0.0)
    work.tick(10.0)
    assert asked(work) == [9001, 9002, 9003]


def test_no_more_than_half_are_ejected() -> None:
    work = three()
    for pool in work.pools:
        failing(work, pool, 50)
    assert len(asked(work)) == 2


def test_the_only_endpoint_is_never_ejected() -> None:
    work = a_service(ONE)
    failing(work, work.pools[0], 50)
    assert asked(work) == [9001]


@pytest.mark.parametrize("others", [("down", "draining"), ("draining", "draining")])
def test_nor_is_the_only_one_that_is_good(others: tuple[State, State]) -> None:
    """As node/heard.py has it.  Else nobody were asked where panic is to fail."""
    work = three(panic=Panic(then="fail", below=0.0))
    work.adopt(stands("up", *others), now=0.0, wall=0.0)
    failing(work, work.pools[0], 50)
    assert asked(work) == [9001]


def test_with_outliers_off_nobody_is_ejected() -> None:
    work = three(outliers=None, balance="least_request")
    failing(work, work.pools[0], 50)
    work.tick(HOUR)
    assert asked(work) == [9001, 9002, 9003]


def test_who_fails_more_often_than_its_peers_is_ejected_though_it_answers_at_times() -> None:
    work = three(balance="least_request")
    work.tick(0.0)
    for number in range(100):
        for pool in work.pools:
            bad = pool is work.pools[1] and number % 2 == 0
            work.answered(pool, "route", 500 if bad else 200, 0.01, 1.0)
    work.tick(10.0)
    assert asked(work) == [9001, 9003]
    assert work.notices[0].cause == "50 of 100 failed; for 30 s"


def test_starting_down_and_draining_endpoints_are_not_asked() -> None:
    work = three()
    work.adopt(stands("up", "starting", "draining", "down", "up"), now=0.0, wall=0.0)
    assert asked(work) == [9001, 9005]


def test_who_stays_keeps_its_connections_and_who_goes_is_told() -> None:
    work = three()
    work.pools[0].idle.append("connection")
    before = work.pools[0]
    gone = work.adopt(stands("up", "up"), now=0.0, wall=0.0)
    assert work.pools[0] is before
    assert ([pool.endpoint.port for pool in gone], gone[0].retired) == ([9003], True)


def test_what_another_worker_has_ejected_is_left_out_as_long_and_no_more_than_a_share() -> None:
    work = three()
    told = Standing(
        endpoints=tuple(
            Stand(endpoint=an_endpoint(port), ejected_until=1030.0) for port in (9001, 9002, 9003)
        )
    )
    work.adopt(told, now=50.0, wall=1000.0)
    seen = [asked(work)]
    work.tick(79.0)
    work.adopt(told, now=79.0, wall=1029.0)
    seen.append(asked(work))
    work.tick(80.0)
    work.adopt(told, now=80.0, wall=1030.0)
    seen.append(asked(work))
    assert seen == [[9002, 9003], [9002, 9003], [9001, 9002, 9003]]


def told_out(work: Work, until: float, *, now: float, wall: float) -> list[int]:
    """Let control say that the first is ejected until then; return who is asked from then on."""
    first, *others = stands("up", "up", "up").endpoints
    told = msgspec.structs.replace(first, ejected_until=until, ejections=1)
    work.adopt(Standing(endpoints=(told, *others)), now=now, wall=wall)
    work.tick(now)
    return asked(work)


def test_no_clock_that_is_set_back_has_an_endpoint_left_out_for_longer_or_again() -> None:
    work = three()
    assert told_out(work, HOUR + 30.0, now=100.0, wall=0.0) == [9002, 9003]
    work.tick(400.0)
    assert asked(work) == [9001, 9002, 9003]
    assert told_out(work, HOUR + 30.0, now=410.0, wall=310.0) == [9001, 9002, 9003]


def test_what_was_seen_before_another_ejected_it_does_not_count_again() -> None:
    """Its checks have passed since, or its time is over: it begins anew on all workers."""
    work = three()
    for pool in work.pools:
        for _ in range(30):
            work.answered(pool, "route", 200, 0.01, 0.0)
    for _ in range(8):
        failing(work, work.pools[0], 3)
        work.answered(work.pools[0], "route", 200, 0.01, 0.0)
    failing(work, work.pools[0], 4)
    told_out(work, 1130.0, now=1.0, wall=1100.0)
    first, *others = stands("up", "up", "up").endpoints
    back = msgspec.structs.replace(first, cleared=1103.0)
    work.adopt(Standing(endpoints=(back, *others)), now=4.0, wall=1103.5)
    failing(work, work.pools[0], 1)
    work.tick(11.0)
    assert asked(work) == [9001, 9002, 9003]


def test_a_new_endpoint_begins_with_less_and_an_old_one_does_not() -> None:
    work = three()
    work.adopt(stands("up", "up", fresh=True, since=1000.0), now=50.0, wall=1005.0)
    assert [pool.weight for pool in work.pools] == [0.5, 0.5]
    work.adopt(stands("up", "up", fresh=False), now=50.0, wall=1005.0)
    other = three()
    other.adopt(stands("up", "up"), now=50.0, wall=1005.0)
    assert [pool.weight for pool in other.pools] == [1.0, 1.0]


def test_too_few_good_endpoints_spread_the_load_over_all() -> None:
    work = three()
    work.adopt(stands("down", "down", "down", "up"), now=0.0, wall=0.0)
    assert (work.panics, asked(work)) == (True, [9001, 9002, 9003, 9004])


def test_or_leave_clients_to_hear_it_at_once() -> None:
    work = three(panic=Panic(then="fail"))
    work.adopt(stands("down", "down", "down", "up"), now=0.0, wall=0.0)
    assert (work.panics, asked(work), work.choose(NONE, no_chance)) == (True, [], None)
    assert work.why_nobody == "No endpoint of the service `players` is fit to be asked."


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["unproved", "unproved"], [9001, 9002]),  # the gateway has only just begun to look
        (["unproved", "up", "unproved"], [9002]),
        (["unproved", "starting"], [9001]),
        (["down", "unproved"], [9002]),
        (["down", "draining", "unproved"], [9003]),
        (["unproved", "down", "down", "down"], [9001, 9002, 9003, 9004]),  # panic
        (["up", "unproved", "unproved", "unproved", "unproved"], [9001]),  # none
    ],
)
def test_what_nobody_has_looked_at_is_asked_where_nobody_is_up(
    states: list[State], expected: list[int]
) -> None:
    work = three()
    work.adopt(stands(*states), now=0.0, wall=0.0)
    assert asked(work) == expected
    assert not work.is_hopeless


def test_keys_stay_with_whom_nobody_has_looked_at_yet() -> None:
    """Red where they went elsewhere for the tenth of a second between two first looks."""
    work = three()
    work.adopt(stands("up", "unproved", "starting"), now=0.0, wall=0.0)
    assert [one.endpoint.port for one in work.fit] == [9001, 9002]


def test_an_endpoint_that_drains_is_not_asked_even_in_panic() -> None:
    work = three()
    work.adopt(stands("down", "draining"), now=0.0, wall=0.0)
    assert asked(work) == [9001]


def test_a_service_that_lacks_what_it_needs_is_not_asked() -> None:
    work = three()
    standing = msgspec.structs.replace(stands("up"), down=("database",))
    work.adopt(standing, now=0.0, wall=0.0)
    assert (asked(work), work.choose(NONE, no_chance)) == ([], None)
    assert work.why_nobody == "The service `players` needs `database`, which is down."


def test_a_service_is_asked_though_it_does_without_something() -> None:
    work = three()
    standing = msgspec.structs.replace(stands("up"), degraded=("mail", "search"))
    work.adopt(standing, now=0.0, wall=0.0)
    assert asked(work) == [9001]
    assert work.degraded == ("mail", "search")


@pytest.mark.parametrize(
    ("states", "hopeless"),
    [
        (["up"], False),
        (["down", "up", "down"], False),
        (["down", "down", "down"], True),
        (["starting"], True),
        ([], True),
    ],
)
def test_a_service_none_of_whose_endpoints_is_good_is_asked_if_nobody_else_can(
    states: list[State], hopeless: bool
) -> None:
    work = three()
    work.adopt(stands(*states), now=0.0, wall=0.0)
    assert work.is_hopeless == hopeless


def test_so_is_one_that_lacks_what_it_needs() -> None:
    work = three()
    standing = msgspec.structs.replace(stands("up"), down=("database",))
    work.adopt(standing, now=0.0, wall=0.0)
    assert work.is_hopeless


def test_further_tries_elsewhere_that_cost_nothing_there_are_free() -> None:
    work = a_service(ONE, OTHER)
    work.retrying = 3
    one, both = frozenset({ONE.name}), frozenset({ONE.name, OTHER.name})
    assert work.may_repeat(one, reached=False)
    assert not work.may_repeat(both, reached=False)
    assert not work.may_repeat(one, reached=True)
    work.retrying = 2
    assert work.may_repeat(both, reached=True)


@given(
    st.lists(
        st.sampled_from(["up", "unproved", "down", "starting", "draining"]), min_size=1, max_size=6
    ),
    st.lists(st.integers(0, 5), max_size=40),
    st.randoms(),
)
def test_whatever_happens_only_the_good_are_asked_outside_of_panic(
    states: list[State], failures: list[int], lots: Random
) -> None:
    work = three()
    work.adopt(stands(*states), now=0.0, wall=0.0)
    for number, at in enumerate(failures):
        failing(work, work.pools[at % len(work.pools)], 2, now=float(number))
        work.tick(float(number))
        pool = work.choose(NONE, lots.random, safe=number % 2 == 0)
        if pool is not None and not work.panics:
            known = any(one.state == "up" and not one.ejected for one in work.pools)
            assert (pool.state, pool.ejected) == ("up" if known else "unproved", False)


def test_a_penalised_endpoint_is_probed_by_one_safe_request_at_a_time() -> None:
    work = three()
    for _ in range(6):
        work.answered(work.pools[1], "route", 200, 0.01, 0.0)
        work.answered(work.pools[0], "route", 200, 1.0, 0.0)
    work.tick(0.0)
    assert asked(work) == [9002, 9003]
    work.tick(4.0)
    draws = [work.choose(NONE, lambda: 0.0, safe=safe) for safe in (False, True, True)]
    assert [pool.endpoint.port for pool in draws if pool] == [9002, 9001, 9002]
    work.tick(8.0)  # the probe has not been answered yet
    assert work.choose(NONE, lambda: 0.0, safe=True) is not work.pools[0]
    work.tick(40.0)  # and never will be: another follows
    assert work.choose(NONE, lambda: 0.0, safe=True) is work.pools[0]


@pytest.mark.parametrize(
    ("took", "out"), [(0.15, False), (0.25, True), (9.0, True)], ids=["15x", "25x", "900x"]
)
def test_who_is_far_too_slow_when_it_is_probed_is_left_out_where_that_is_asked_for(
    took: float, out: bool
) -> None:
    work = three(outliers=Outliers(slow=20.0))
    slow_and_probed(work, took)
    assert work.pools[0].ejected == out
    assert asked(work) == [9002, 9003]
    if out:
        told = work.notices[-1]
        assert (told.change, told.lasts, told.proof) == ("ejected", 30.0, "")
        assert told.cause.startswith("a probe took ")
        work.tick(34.1)
        assert asked(work) == [9001, 9002, 9003]
        assert (work.pools[0].weight, work.pools[0].pace.penalised) == (0.1, False)


def test_and_nowhere_else_however_slow_it_is() -> None:
    work = three()
    slow_and_probed(work, 9.0)
    assert not work.pools[0].ejected


def slow_and_probed(work: Work, took: float) -> None:
    """Make the first endpoint slow beside 10 ms, until it is probed at 4 s."""
    for _ in range(6):
        work.answered(work.pools[1], "route", 200, 0.01, 0.0)
        work.answered(work.pools[0], "route", 200, 1.0, 0.0)
    work.tick(0.0)
    work.tick(4.0)
    for _ in range(50):
        work.answered(work.pools[1], "route", 200, 0.01, 4.0)
    assert work.choose(NONE, lambda: 0.0, safe=True) is work.pools[0]
    work.answered(work.pools[0], "route", 200, took, 4.0)


# --- the last resort -----------------------------------------------------------------------------


def cornered(*ejected: int, slow: tuple[int, ...] = (), states: tuple[State, ...] = ()) -> Work:
    """A service of three of which these (by place) are out, and these slow."""
    work = three(outliers=Outliers(most=1.0), panic=Panic(below=0.0))
    for place in ejected:
        for _ in range(5):
            work.failed(work.pools[place], "test", 100.0)
    for place in slow:
        work.pools[place].pace.penalised = True
    work.adopt(stands(*(states or ("up", "up", "up"))), now=100.0, wall=0.0)
    return work


def tries(work: Work, *first: int, key: bytes = b"") -> list[int]:
    """The ports that further tries go to, behind those at these places."""
    tried = frozenset(work.pools[place].name for place in first)
    found = []
    for _ in range(3):
        lots = Random(1).random
        pool = work.choose_for(key, tried, lots) if key else work.choose(tried, lots)
        assert pool is not None
        found.append(pool.endpoint.port)
        tried |= {pool.name}
    return found


@pytest.mark.parametrize("key", [b"", b"me"])
def test_who_was_ejected_is_tried_before_the_only_good_one_is_again(key: bytes) -> None:
    first, second, third = tries(cornered(0, 1), 2, key=key)
    assert ({first, second}, third) == ({9001, 9002}, 9003)


def test_who_is_slow_is_tried_before_who_is_ejected() -> None:
    assert tries(cornered(0, slow=(1,)), 2)[:2] == [9002, 9001]


@pytest.mark.parametrize("state", ["down", "draining", "starting"])
def test_who_is_not_up_is_no_last_resort(state: State) -> None:
    work = cornered(0, states=(state, "up", "up"))
    assert tries(work, 1, 2)[0] in (9002, 9003)
    work.retrying = 3
    assert not work.may_repeat(frozenset(one.name for one in work.pools[1:]), reached=False)


def test_in_panic_whoever_was_not_tried_is() -> None:
    work = three()
    work.adopt(stands("down", "down", "down"), now=0.0, wall=0.0)
    assert work.panics
    assert tries(work, 0)[:2] in ([9002, 9003], [9003, 9002])


def test_the_first_try_never_goes_to_who_is_ejected() -> None:
    assert {chosen(cornered(0, 1)).endpoint.port for _ in range(9)} == {9003}


# --- checks that pass ----------------------------------------------------------------------------


def broken(problem: Problem = UPSTREAM_REFUSED, *, now: float = 100.0) -> Work:
    """A service of three whose first endpoint has just been ejected."""
    work = three()
    for _ in range(5):
        work.failed(work.pools[0], problem.code, now)
    assert work.pools[0].ejected
    return work


def cleared(work: Work, since: float, *, until: float = 0.0, now: float = 104.0) -> bool:
    """Whether the first is let back in when control says this; the clocks are a thousand apart."""
    first, *others = stands("up", "up", "up").endpoints
    stand = msgspec.structs.replace(first, cleared=1000.0 + since, ejected_until=until)
    work.adopt(Standing(endpoints=(stand, *others)), now=now, wall=1000.0 + now)
    return not work.pools[0].ejected


def test_one_whose_checks_have_passed_since_is_let_back_in_and_begins_with_a_little() -> None:
    work = broken()
    assert cleared(work, 101.0)
    assert asked(work) == [9001, 9002, 9003]
    assert work.pools[0].up_since == 104.0
    assert [(one.change, one.cause) for one in work.notices][-1] == (
        "let_back_in",
        "its checks pass",
    )
    for _ in range(5):
        work.failed(work.pools[0], "again", 106.0)
    assert work.notices[-1].lasts == 60.0  # in a row all the same


def test_a_check_says_nothing_of_who_was_slow_before_it_failed() -> None:
    for slow in (False, True):
        work = broken()
        work.pools[0].pace.penalised = slow
        work.pools[0].pace.ratio = 9.0
        assert cleared(work, 101.0)
        assert (work.pools[0].pace.penalised, work.pools[0].pace.ratio > 1.0) == (slow, slow)
        assert asked(work) == ([9002, 9003] if slow else [9001, 9002, 9003])


@pytest.mark.parametrize(("since", "until"), [(99.0, 0.0), (100.0, 0.0), (101.0, 1105.0)])
def test_but_not_by_checks_of_before_or_if_others_have_ejected_it_again(
    since: float, until: float
) -> None:
    assert not cleared(broken(), since, until=until)


def test_what_another_worker_ejected_ends_when_control_says_so() -> None:
    work = three()
    first, *others = stands("up", "up", "up").endpoints
    told = msgspec.structs.replace(first, ejected_until=1130.0, cleared=1050.0)
    work.adopt(Standing(endpoints=(told, *others)), now=100.0, wall=1100.0)
    assert work.pools[0].ejected
    assert cleared(work, 99.5, now=104.0)


def test_without_a_word_about_checks_it_is_out_for_its_time() -> None:
    work = broken()
    work.adopt(stands("up", "up", "up"), now=104.0, wall=1104.0)
    assert work.pools[0].ejected


@pytest.mark.parametrize(
    ("problem", "proof"),
    [
        (UPSTREAM_REFUSED, "connection"),
        (UPSTREAM_RESET, "answer"),
        (UPSTREAM_FIRST_BYTE_TIMEOUT, ""),
    ],
)
def test_an_ejection_says_what_would_end_it_sooner(problem: Problem, proof: Proof) -> None:
    assert broken(problem).notices[-1].proof == proof


def test_one_that_answers_5xx_must_show_an_answer() -> None:
    work = three()
    for _ in range(5):
        work.answered(work.pools[0], "/a", 500, 0.1, 100.0)
    assert work.notices[-1].proof == "answer"


def test_of_failures_in_a_row_all_count() -> None:
    """Four timeouts and a reset: a check that passes says nothing of the timeouts."""
    work = three()
    for problem in (*[UPSTREAM_FIRST_BYTE_TIMEOUT] * 4, UPSTREAM_RESET):
        work.failed(work.pools[0], problem.code, 100.0)
    assert (work.notices[-1].change, work.notices[-1].proof) == ("ejected", "")


# --- what all workers saw together ---------------------------------------------------------------


def by_pace(*ports: int) -> Work:
    return a_service(*(an_endpoint(port) for port in ports), balance="peak_ewma")


def told_slow(work: Work, since: float, ratio: float = 8.0) -> list[int]:
    """Let control say that the first is slow since then; return who is asked from then on."""
    first, *others = (Stand(endpoint=pool.endpoint) for pool in work.pools)
    stand = msgspec.structs.replace(first, slow_since=since, slow_ratio=ratio)
    work.adopt(Standing(endpoints=(stand, *others)), now=100.0, wall=1100.0)
    return [pool.endpoint.port for pool in work.open]


def test_who_is_slow_for_all_workers_together_gets_only_probes_here_too() -> None:
    work = by_pace(9001, 9002, 9003)
    assert told_slow(work, 1099.0) == [9002, 9003]
    assert work.pools[0].weight == pytest.approx(1.5 / 8.0)
    assert work.notices == []  # it is no news: control has said it


def test_what_the_worker_s_own_probes_have_shown_since_stands() -> None:
    work = by_pace(9001, 9002, 9003)
    told_slow(work, 1099.0)
    for _ in range(2):
        work.answered(work.pools[0], "/a", 200, 0.01, 101.0)
    assert told_slow(work, 1099.0) == [9001, 9002, 9003]
    assert told_slow(work, 0.0) == [9001, 9002, 9003]
    assert told_slow(work, 1150.0) == [9002, 9003]


def test_who_is_slow_again_is_though_the_clock_was_set_back_meanwhile() -> None:
    work = by_pace(9001, 9002, 9003)
    told_slow(work, 1099.0)
    for _ in range(2):
        work.answered(work.pools[0], "/a", 200, 0.01, 101.0)
    told_slow(work, 0.0)
    assert told_slow(work, 500.0) == [9002, 9003]


def test_what_a_worker_has_penalised_itself_stays_as_it_is() -> None:
    work = by_pace(9001, 9002)
    work.pools[0].pace.penalised = True
    told_slow(work, 1099.0)
    assert work.pools[0].pace.ratio == 1.0


def test_where_pace_does_not_count_nobody_is_slow() -> None:
    assert told_slow(three(balance="least_request"), 1099.0) == [9001, 9002, 9003]


def test_the_only_endpoint_is_asked_however_slow_it_is() -> None:
    assert told_slow(by_pace(9001), 1099.0) == [9001]


def test_an_ejection_of_all_workers_is_counted_once_and_grows_from_there() -> None:
    """By whoever: both at once, and the worker alone the next time."""
    work = broken()
    first, *others = stands("up", "up", "up").endpoints
    told = msgspec.structs.replace(first, ejected_until=1130.5, ejections=1)
    work.adopt(Standing(endpoints=(told, *others)), now=100.5, wall=1100.5)
    assert (work.pools[0].record.ejections, work.pools[0].record.until) == (1, 130.0)
    work.tick(131.0)
    again = msgspec.structs.replace(first, ejected_until=1192.0, ejections=2)
    work.adopt(Standing(endpoints=(again, *others)), now=132.0, wall=1132.0)
    work.tick(193.0)
    for _ in range(5):
        work.failed(work.pools[0], "again", 194.0)
    assert work.notices[-1].lasts == 90.0


# --- what sticks ---------------------------------------------------------------------------------

FOUR = [an_endpoint(9001 + number) for number in range(4)]
KEYS = [b"player-%d" % number for number in range(400)]
SEAT = Key(by="cookie", name="seat", ttl=60.0)
SESSION = b"0123456789abcdef"


def a_keeper(
    *, balance: Balance = "round_robin", sticky: Key | None = None, in_flight: int = 1000
) -> Work:
    """Return a service of four endpoints that keep something in memory."""
    return Upstream(
        Service(
            name="players",
            endpoints=tuple(FOUR),
            limits=EndpointLimits(in_flight=in_flight),
            balance=balance,
            sticky=sticky or Key(by="header", name="x"),
            panic=Panic(below=0.0),
        )
    )


def kept(work: Work, key: bytes, tried: frozenset[str] = NONE) -> Pool[str, int]:
    pool = work.choose_for(key, tried, no_chance)
    assert pool is not None
    return pool


def standing(**states: State) -> Standing:
    return Standing(
        endpoints=tuple(Stand(endpoint=one, state=states.get(f"p{one.port}", "up")) for one in FOUR)
    )


def test_a_key_stays_with_its_endpoint_in_every_worker() -> None:
    one, other = a_keeper(), a_keeper()
    assert all(kept(one, key).name == kept(other, key).name for key in KEYS for _ in range(2))


@pytest.mark.parametrize("state", ["down", "draining", "starting"])
@pytest.mark.parametrize("balance", ["round_robin", "consistent_hash"])
def test_who_is_not_up_is_left_by_its_keys_alone(state: State, balance: Balance) -> None:
    work = a_keeper(balance=balance)
    before = {key: kept(work, key).name for key in KEYS}
    work.adopt(standing(p9002=state), now=0.0, wall=0.0)
    after = {key: kept(work, key).name for key in KEYS}
    gone = work.pools[1].name
    assert {before[key] for key in KEYS if before[key] != after[key]} == {gone}
    assert gone not in after.values()
    work.adopt(standing(), now=1.0, wall=1.0)
    assert {key: kept(work, key).name for key in KEYS} == before


def test_who_is_ejected_is_left_by_its_keys_alone() -> None:
    work = a_keeper()
    before = {key: kept(work, key) for key in KEYS}
    for _ in range(5):
        work.failed(work.pools[2], "test", 0.0)
    assert work.pools[2].ejected
    moved = {before[key].name for key in KEYS if kept(work, key) is not before[key]}
    assert moved == {work.pools[2].name}


def test_who_is_slow_keeps_its_keys() -> None:
    work = a_keeper(balance="peak_ewma")
    before = {key: kept(work, key) for key in KEYS}
    work.pools[0].pace.penalised = True
    work.adopt(standing(), now=0.0, wall=0.0)
    assert work.pools[0] not in work.open
    assert {key: kept(work, key) for key in KEYS} == before


def test_who_is_full_keeps_its_keys() -> None:
    work = a_keeper(in_flight=3)
    pool = kept(work, b"me")
    pool.in_flight = 3
    assert kept(work, b"me") is pool


def test_with_a_bound_on_the_load_a_key_goes_elsewhere_while_its_endpoint_is_busy() -> None:
    work = a_keeper(balance="consistent_hash")
    pool = kept(work, b"me")
    pool.in_flight = 8
    assert kept(work, b"me") is not pool
    pool.in_flight = 0
    assert kept(work, b"me") is pool


def test_a_further_try_of_a_key_goes_where_the_key_would_move_to() -> None:
    work = a_keeper()
    pool = kept(work, b"me")
    second = kept(work, b"me", frozenset([pool.name]))
    for _ in range(5):
        work.failed(pool, "test", 0.0)
    assert kept(work, b"me") is second is not pool


def test_a_key_is_tried_again_where_all_have_been_tried() -> None:
    work = a_keeper()
    assert kept(work, b"me", frozenset(one.name for one in work.pools)) is kept(work, b"me")


def test_where_nobody_is_fit_a_key_has_no_endpoint() -> None:
    work = a_keeper()
    lacking = Standing(endpoints=standing().endpoints, down=("database",))
    work.adopt(lacking, now=0.0, wall=0.0)
    assert work.choose_for(b"me", NONE, no_chance) is None


def test_in_panic_keys_go_by_all() -> None:
    work = Upstream[str, int](Service(name="players", endpoints=tuple(FOUR[:2])))
    before = [kept(work, key).name for key in KEYS]
    stands = tuple(Stand(endpoint=one, state="down") for one in FOUR[:2])
    work.adopt(Standing(endpoints=stands), now=0.0, wall=0.0)
    assert work.panics
    assert [kept(work, key).name for key in KEYS] == before


def test_a_new_session_begins_wherever_the_balancer_says() -> None:
    work = a_keeper(sticky=SEAT)
    begun = [kept(work, SESSION) for _ in range(4)]
    assert begun == work.pools


def test_a_marked_session_stays_although_others_come_and_moves_once() -> None:
    work = a_keeper(sticky=SEAT)
    work.adopt(standing(p9003="starting", p9004="starting"), now=0.0, wall=0.0)
    pool = kept(work, SESSION)
    key = work.marked(SESSION, pool)
    work.adopt(standing(), now=1.0, wall=1.0)
    assert kept(work, key) is pool is work.pools[0]
    work.adopt(standing(p9001="down"), now=2.0, wall=2.0)
    second = kept(work, key)
    moved = work.marked(key, second)
    work.adopt(standing(), now=3.0, wall=3.0)
    assert [kept(work, moved), kept(work, moved)] == [second, second]
    assert second is not pool


def test_only_sessions_that_the_gateway_marks_are_marked() -> None:
    plain, bound = a_keeper(), a_keeper(sticky=SEAT, balance="consistent_hash")
    assert [work.marked(SESSION, work.pools[0]) for work in (plain, bound)] == [SESSION, SESSION]


def test_a_service_without_endpoints_says_so() -> None:
    assert a_service().why_nobody == "The service `players` has no endpoint."


def test_an_answer_whose_time_tells_nothing_counts_as_an_answer_all_the_same() -> None:
    work = three()
    work.answered(work.pools[0], "route", 200, -1.0, 0.0)
    assert (work.pools[0].record.asked, work.pools[0].timings) == (1, {})


def test_a_penalised_endpoint_that_answers_its_probes_as_fast_as_the_others_is_asked_again() -> (
    None
):
    work = three()
    for _ in range(6):
        work.answered(work.pools[1], "route", 200, 0.01, 0.0)
        work.answered(work.pools[0], "route", 200, 1.0, 0.0)
    work.tick(0.0)
    seen = [asked(work)]
    for _ in range(2):
        work.answered(work.pools[0], "route", 200, 0.01, 4.0)
        seen.append(asked(work))
    assert seen == [[9002, 9003], [9002, 9003], [9001, 9002, 9003]]
    assert work.notices[-1].change == "as_fast_as_its_peers"


def test_the_only_endpoint_is_judged_beside_nobody() -> None:
    work = Work(Service(name="players", endpoints=(ONE,)))
    for _ in range(20):
        work.answered(work.pools[0], "route", 200, 9.0, 0.0)
    work.tick(10.0)
    assert ([pool.name for pool in work.open], work.notices) == ([ONE.name], [])


def stood(*endpoints: Endpoint, down: tuple[str, ...] = ()) -> Standing:
    return Standing(endpoints=tuple(Stand(endpoint=one) for one in endpoints), down=down)


def test_an_ejected_endpoint_whose_peers_are_gone_is_let_back_in() -> None:
    outliers, panic = Outliers(failures=3), Panic(below=0.3, then="fail")
    work = Work(Service(name="players", endpoints=(ONE, OTHER), outliers=outliers, panic=panic))
    for _ in range(3):
        work.failed(work.pools[0], "refused", 1.0)
    work.adopt(stood(ONE), now=2.0, wall=2.0)
    assert work.open == []
    work.tick(1.0 + outliers.longest)
    assert [pool.name for pool in work.open] == [ONE.name]


def with_a_slow_one() -> Work:
    """A service whose first endpoint is penalised, at 10 s."""
    work = Work(Service(name="players", endpoints=(ONE, OTHER), balance="peak_ewma"))
    for number in range(100):
        now = 1.0 + number / 100
        work.answered(work.pools[1], "/a", 200, 0.01, now)
        work.answered(work.pools[0], "/a", 200, 0.3, now)
    work.tick(10.0)
    assert work.open == [work.pools[1]]
    return work


def test_where_nothing_is_safe_to_repeat_any_request_is_a_probe_in_the_end() -> None:
    work = with_a_slow_one()
    asked = []
    for second in range(11, 22):
        work.tick(float(second))
        pool = work.choose(NONE, no_chance)
        assert pool is not None
        asked.append(pool.name)
    assert asked == [OTHER.name] * 9 + [ONE.name] + [OTHER.name]


def test_a_probe_that_nobody_has_taken_is_not_waited_for() -> None:
    work = with_a_slow_one()
    work.adopt(stood(ONE, OTHER), now=10.0, wall=10.0)
    work.tick(14.0)
    assert work.choose(NONE, no_chance, safe=True) is work.pools[0]


def test_a_service_that_lacks_what_it_needs_is_not_probed() -> None:
    work = with_a_slow_one()
    work.adopt(stood(ONE, OTHER, down=("database",)), now=10.0, wall=10.0)
    work.tick(14.0)
    assert work.choose(NONE, no_chance, safe=True) is None


def test_what_is_known_of_routes_that_are_gone_is_forgotten() -> None:
    work = a_service(ONE, OTHER)
    for pool in work.pools:
        for route in ("stays", "goes"):
            work.answered(pool, route, 200, 0.1, 1.0)
    work.retain({"stays"})
    assert [set(pool.timings) for pool in work.pools] == [{"stays"}] * 2
    first = work.pools[0]
    work.answered(first, "goes", 200, 10.0, 2.0)
    assert first.pace.ratio == 1.0  # nobody knows what is typical any more
