import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import an_endpoint
from tta_gateway.kernel.route import Endpoint, EndpointLimits
from tta_gateway.upstream.pool import Decision, Pool

LIMITS = EndpointLimits(connections=2, pending=1, in_flight=4)


def a_pool(limits: EndpointLimits = LIMITS) -> Pool[str, str]:
    return Pool(an_endpoint(), limits)


def test_a_request_opens_a_connection_while_there_is_room() -> None:
    pool = a_pool()
    pool.in_flight, pool.open = 2, 1
    assert pool.decide() is Decision.OPEN


def test_a_request_waits_when_all_connections_are_in_use() -> None:
    pool = a_pool()
    pool.in_flight, pool.open = 3, 2
    assert pool.decide() is Decision.WAIT


def test_a_request_is_refused_when_as_many_wait_as_may() -> None:
    pool = a_pool()
    pool.in_flight, pool.open = 4, 2
    pool.waiting.append("somebody")
    assert pool.decide() is Decision.REFUSE


def test_the_last_request_that_may_be_in_flight_is_not_refused() -> None:
    pool = a_pool(EndpointLimits(connections=9, in_flight=1))
    pool.in_flight = 1
    assert pool.decide() is Decision.OPEN


def test_a_request_beyond_those_that_may_be_in_flight_is_refused() -> None:
    pool = a_pool(EndpointLimits(connections=9, in_flight=1))
    pool.in_flight = 2
    assert pool.decide() is Decision.REFUSE


def test_a_connection_that_is_gone_makes_room() -> None:
    pool = a_pool()
    pool.open = 2
    pool.forget("in use")
    assert pool.open == 1


def test_a_connection_that_is_gone_is_idle_no_longer() -> None:
    pool = a_pool()
    pool.open = 2
    pool.idle.extend(["one", "other"])
    pool.forget("one")
    assert pool.idle == ["other"]


def test_a_pool_prints_what_an_operator_wants_to_know() -> None:
    pool = a_pool()
    pool.in_flight, pool.open = 3, 2
    pool.idle.append("one")
    assert repr(pool) == "<127.0.0.1:9001: 3 in flight, 2 open, 1 idle, 0 waiting>"


@pytest.mark.parametrize(
    ("endpoint", "authority"),
    [
        (Endpoint(host="players.local", port=80), b"players.local:80"),
        (Endpoint(host="::1", port=80), b"[::1]:80"),
        (Endpoint(host="", port=0, unix="/run/players.sock"), b"localhost"),
    ],
)
def test_an_endpoint_has_an_authority_for_who_names_no_host(
    endpoint: Endpoint, authority: bytes
) -> None:
    assert Pool[str, str](endpoint, LIMITS).authority == authority


class Busy:
    """A pool whose requests do as it decides; each act is `ask`, `end` or `break`."""

    def __init__(self, limits: EndpointLimits) -> None:
        self.pool: Pool[int, int] = Pool(an_endpoint(), limits)
        self.using = 0
        self.worst = (0, 0, 0)
        self.least = 0

    def act(self, act: str) -> None:
        {"ask": self._ask, "end": self._end, "break": self._break}[act]()
        pool = self.pool
        self.worst = (
            max(self.worst[0], pool.open),
            max(self.worst[1], len(pool.waiting)),
            max(self.worst[2], pool.in_flight),
        )
        self.least = min(self.least, pool.open, pool.in_flight, len(pool.idle))

    def _ask(self) -> None:
        pool = self.pool
        pool.in_flight += 1
        if pool.idle and pool.in_flight <= pool.limits.in_flight:
            pool.idle.pop()
            self.using += 1
            return
        decision = pool.decide()
        if decision is Decision.OPEN:
            pool.open += 1
            self.using += 1
        elif decision is Decision.WAIT:
            pool.waiting.append(1)
        else:
            pool.in_flight -= 1

    def _end(self) -> None:
        if self.using:
            self.pool.in_flight -= 1
            if self.pool.waiting:
                self.pool.waiting.popleft()
                return
            self.pool.idle.append(1)
            self.using -= 1

    def _break(self) -> None:
        if self.using:
            self.using -= 1
            self.pool.in_flight -= 1
            self.pool.forget(0)


ACTS = st.lists(st.sampled_from(["ask", "ask", "end", "break"]), max_size=40)
ANY_LIMITS = st.builds(
    EndpointLimits,
    connections=st.integers(1, 4),
    pending=st.integers(0, 3),
    in_flight=st.integers(1, 6),
)


def busy(acts: list[str], limits: EndpointLimits) -> Busy:
    load = Busy(limits)
    for act in acts:
        load.act(act)
    return load


@given(acts=ACTS, limits=ANY_LIMITS)
def test_the_limits_hold_whatever_happens(acts: list[str], limits: EndpointLimits) -> None:
    opened, waiting, in_flight = busy(acts, limits).worst
    assert opened <= limits.connections
    assert waiting <= limits.pending
    assert in_flight <= limits.in_flight


@given(acts=ACTS, limits=ANY_LIMITS)
def test_no_count_is_ever_negative(acts: list[str], limits: EndpointLimits) -> None:
    assert busy(acts, limits).least == 0


@given(acts=ACTS, limits=ANY_LIMITS)
def test_every_request_in_flight_waits_or_has_a_connection(
    acts: list[str], limits: EndpointLimits
) -> None:
    load = busy(acts, limits)
    assert load.pool.in_flight == load.using + len(load.pool.waiting)


@pytest.mark.parametrize(("in_flight", "full"), [(0, False), (3, False), (4, True), (5, True)])
def test_an_endpoint_is_full_with_as_many_requests_as_it_may_have(
    in_flight: int, *, full: bool
) -> None:
    pool = a_pool()
    pool.in_flight = in_flight
    assert pool.is_full is full


@pytest.mark.parametrize(
    ("endpoint", "names"),
    [
        (Endpoint(host="a", port=80), [b"a:80"]),
        (Endpoint(host="a", port=443, tls=True), [b"a", b"a:443"]),
        (Endpoint(host="a", port=8443, tls=True), [b"a:8443"]),
        (Endpoint(host="::1", port=443, tls=True), [b"[::1]", b"[::1]:443"]),
        (Endpoint(host="", port=0, unix="/run/a"), [b"localhost"]),
        (Endpoint(host="10.0.0.1", port=80, authority="A.b:80"), [b"a.b:80", b"10.0.0.1:80"]),
        (
            Endpoint(host="::1", port=443, tls=True, authority="a:443"),
            [b"a", b"a:443", b"[::1]", b"[::1]:443"],
        ),
    ],
)
def test_an_endpoint_may_be_named_with_or_without_the_usual_port(
    endpoint: Endpoint, names: list[bytes]
) -> None:
    pool: Pool[object, object] = Pool(endpoint, EndpointLimits())
    assert (pool.authorities, pool.authority) == (names, names[0])


def test_a_tunnel_is_under_way_although_it_is_no_request() -> None:
    pool = Pool[str, int](an_endpoint(), EndpointLimits())
    pool.open, pool.idle = 3, ["idle"]
    assert (pool.in_flight, pool.under_way) == (0, 2)


def test_who_waits_for_a_connection_is_under_way() -> None:
    pool = Pool[str, int](an_endpoint(), EndpointLimits())
    pool.in_flight = 4
    assert pool.under_way == 4
