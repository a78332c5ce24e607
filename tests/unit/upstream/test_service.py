"""A service at work: which of its endpoints is asked."""

from tests.helpers.builders import an_endpoint
from tta_gateway.kernel.route import Balance, Endpoint, EndpointLimits, Service
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
