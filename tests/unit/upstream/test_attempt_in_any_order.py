"""The attempt loop under whatever may happen in whatever order: what is counted is what is there.

A state machine (hypothesis) asks, answers, breaks, leaves and lets time pass.  What must hold
behind every step stands in the invariants; what every client got is looked at in the end.
"""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.helpers.builders import Bound, a_head, a_plan, a_route, an_endpoint, an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_connection import FakeConnection, FakeConnector
from tests.helpers.fake_origin import FakeOrigin
from tests.helpers.steps import Gate, Work, turn
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import CHUNKED, Response
from tta_gateway.kernel.problem import (
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_GARBAGE,
    UPSTREAM_REFUSED,
    UPSTREAM_TOTAL_TIMEOUT,
    Problem,
)
from tta_gateway.kernel.route import EndpointLimits, Service, Timeouts
from tta_gateway.kernel.standing import Stand, Standing
from tta_gateway.kernel.upload import Upload
from tta_gateway.pipeline.run import Runner
from tta_gateway.upstream.attempt import Attempt
from tta_gateway.upstream.forward import Forwarder

T = TypeVar("T")
PICK = st.integers(0, 20)
BODY = bytes(range(256))


class Storm(RuleBasedStateMachine):
    """Clients, services and time, each as unreliable as the others."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.works: list[Work] = []
        self.gates: list[Gate] = []
        self.waits = False
        self.runner = Runner(self.works.append, self._report)
        self.connector = FakeConnector()
        service = Service(
            name="players",
            endpoints=(an_endpoint(9001), an_endpoint(9002)),
            limits=EndpointLimits(connections=2, pending=2, in_flight=5),
            balance="least_request",
        )
        self.forwarder = Forwarder(
            {"players": service},
            connector=self.connector,
            runner=self.runner,
            chance=lambda: 0.3,
            clock=self.clock.monotonic,
        )
        self.upstream = self.forwarder.upstreams["players"]
        self.pools = list(self.upstream.pools)
        route = a_route(timeouts=Timeouts(total=10.0), replay_body=100)
        policy = Bound(on_response=self._maybe_wait)
        self.plan = a_plan([policy], route=route, forward=self.forwarder.forward)
        self.origins: list[FakeOrigin] = []
        self.whole: dict[FakeOrigin, bytes] = {}

    def _report(self, _: Exchange, error: BaseException) -> None:
        raise AssertionError("nothing here is a fault of ours") from error

    def _maybe_wait(self, _: Exchange) -> Gate | None:
        if not self.waits:
            return None
        self.gates.append(Gate())
        return self.gates[-1]

    # What is there to choose from

    @property
    def alive(self) -> list[FakeOrigin]:
        return [one for one in self.origins if one.exchange and not one.exchange.finished]

    @property
    def attempts(self) -> list[Attempt]:
        found = [one.exchange.attempt for one in self.alive if one.exchange]
        return [one for one in found if isinstance(one, Attempt) and not one._over]

    @property
    def open(self) -> list[FakeConnection]:
        return [one for one in self.connector.made if not one.closed]

    @property
    def in_use(self) -> list[FakeConnection]:
        return [one for one in self.open if one.attempt is not None and not one.is_tunnel]

    @property
    def begun(self) -> list[FakeConnection]:
        return [one for one in self.in_use if one.attempt is not None and one.attempt._answered]

    @property
    def not_begun(self) -> list[FakeConnection]:
        return [one for one in self.in_use if one not in self.begun]

    # What happens

    @rule(
        method=st.sampled_from(["GET", "POST", "PUT"]),
        size=st.sampled_from([None, 0, 50, 200]),
        over=st.booleans(),
        upgrade=st.booleans(),
    )
    def ask(self, method: str, size: int | None, *, over: bool, upgrade: bool) -> None:
        origin = FakeOrigin(self.runner)
        head = a_head(method, f"/{len(self.origins)}")
        exchange = origin.exchange = an_exchange(
            head, origin=origin, plan=self.plan, started=self.clock.monotonic()
        )
        self.origins.append(origin)
        self.whole[origin] = BODY[: size or 0]
        if size is None:
            head.upgrade = b"websocket" if upgrade else None
        else:
            head.length = CHUNKED
            exchange.upload = Upload(origin, limit=10_000, keep=100)
            exchange.upload.feed(self.whole[origin])
            if over:
                exchange.upload.end()
        self.runner.begin(exchange)

    @precondition(lambda self: self.connector.opening)
    @rule()
    def connect(self) -> None:
        self.connector.succeed()

    @precondition(lambda self: self.connector.opening)
    @rule(problem=st.sampled_from([UPSTREAM_REFUSED, UPSTREAM_CONNECT_TIMEOUT]))
    def fail_to_connect(self, problem: Problem) -> None:
        self.connector.fail(problem)

    @precondition(lambda self: self.alive)
    @rule(pick=PICK, ends=st.booleans())
    def send_more_of_a_body(self, pick: int, *, ends: bool) -> None:
        origin = _picked(self.alive, pick)
        upload = origin.exchange and origin.exchange.upload
        if not upload or upload.over:
            return
        upload.feed(b"more")
        self.whole[origin] += b"more"
        if ends:
            upload.end()

    @precondition(lambda self: self.not_begun)
    @rule(pick=PICK, status=st.sampled_from([103, 200, 101, 302]), waits=st.booleans())
    def begin_an_answer(self, pick: int, status: int, *, waits: bool) -> None:
        self.waits = waits
        _picked(self.not_begun, pick).begin_answer(status, [(b"location", b"/x")])

    @precondition(lambda self: self.not_begun)
    @rule(pick=PICK, waits=st.booleans(), reusable=st.booleans())
    def answer_in_one_piece(self, pick: int, *, waits: bool, reusable: bool) -> None:
        self.waits = waits
        _picked(self.not_begun, pick).answer_whole(reusable=reusable)

    @precondition(lambda self: self.begun)
    @rule(pick=PICK)
    def send_a_part_of_an_answer(self, pick: int) -> None:
        _picked(self.begun, pick).send(b"part")

    @precondition(lambda self: self.begun)
    @rule(pick=PICK, reusable=st.booleans())
    def end_an_answer(self, pick: int, *, reusable: bool) -> None:
        _picked(self.begun, pick).end_answer(reusable=reusable)

    @precondition(lambda self: self.open)
    @rule(pick=PICK)
    def lose_a_connection(self, pick: int) -> None:
        _picked(self.open, pick).lose()

    @precondition(lambda self: self.in_use)
    @rule(
        pick=PICK,
        problem=st.sampled_from(
            [UPSTREAM_FIRST_BYTE_TIMEOUT, UPSTREAM_GARBAGE, UPSTREAM_TOTAL_TIMEOUT]
        ),
    )
    def fail_on_a_connection(self, pick: int, problem: Problem) -> None:
        _picked(self.in_use, pick).fault(problem)

    @precondition(lambda self: self.alive)
    @rule(pick=PICK)
    def leave(self, pick: int) -> None:
        _picked(self.alive, pick).leave()

    @precondition(lambda self: self.attempts)
    @rule(pick=PICK, pauses=st.booleans())
    def pause_or_resume(self, pick: int, *, pauses: bool) -> None:
        attempt = _picked(self.attempts, pick)
        if pauses:
            attempt.pause_answer()
        else:
            attempt.resume_answer()

    @rule(seconds=st.sampled_from([0.1, 4.0, 11.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.forwarder.expire(self.clock.monotonic())

    @rule(ports=st.sets(st.sampled_from([9001, 9002, 9003])))
    def endpoints_come_and_go(self, ports: set[int]) -> None:
        stands = tuple(Stand(endpoint=an_endpoint(port)) for port in sorted(ports))
        standings = {"players": Standing(endpoints=stands)}
        self.forwarder.adopt_standings(standings, now=self.clock.monotonic(), wall=0.0)
        self.pools += [one for one in self.upstream.pools if one not in self.pools]

    @rule()
    def turn(self) -> None:
        turn(self.works)
        self.connector.turn()

    @precondition(lambda self: self.gates)
    @rule(pick=PICK, replaces=st.booleans())
    def let_a_policy_go_on(self, pick: int, *, replaces: bool) -> None:
        gate = _picked(self.gates, pick)
        self.gates.remove(gate)
        gate.is_open, gate.answer = True, Response(418) if replaces else None
        self.turn()

    # What always holds

    @invariant()
    def every_attempt_under_way_is_in_flight(self) -> None:
        for pool in self.pools:
            assert pool.in_flight == sum(one.pool is pool for one in self.attempts)
        assert self.upstream.active == len(self.attempts)
        assert 0 <= self.upstream.retrying <= self.upstream.active

    @invariant()
    def every_connection_is_counted(self) -> None:
        for pool in self.pools:
            made = sum(one.pool is pool and not one.gone for one in self.connector.made)
            assert pool.open == made + sum(one.pool is pool for one in self.connector.opening)

    @invariant()
    def the_limits_hold(self) -> None:
        for pool in self.pools:
            assert pool.open <= pool.limits.connections
            assert len(pool.waiting) <= pool.limits.pending
            assert pool.in_flight <= pool.limits.in_flight

    @invariant()
    def nobody_waits_while_there_is_a_connection_or_room_for_one(self) -> None:
        for pool in self.pools:
            assert not pool.waiting or (not pool.idle and pool.open == pool.limits.connections)

    @invariant()
    def nobody_waits_for_an_endpoint_that_has_gone(self) -> None:
        for pool in self.pools:
            assert not pool.retired or not (pool.waiting or pool.idle)

    @invariant()
    def an_idle_connection_is_open_and_nobody_s(self) -> None:
        for pool in self.pools:
            assert all(not one.closed and one.attempt is None for one in _fakes(pool.idle))

    @invariant()
    def every_client_gets_one_answer_and_nothing_behind_it(self) -> None:
        for origin in self.origins:
            said = [one for one in origin.said if one != "103"]
            heads = [one for one in said if isinstance(one, str) and one.isdigit()]
            assert len(heads) <= 1
            assert said[:1] in ([], heads, ["abort"])
            assert not {"end", "abort"} & set(said[:-1])

    @invariant()
    def what_may_have_been_carried_out_is_sent_once(self) -> None:
        lines = [line for one in self.connector.made for line in one.lines]
        posts = [line for line in lines if line.startswith(b"POST ")]
        assert len(set(posts)) == len(posts)

    @invariant()
    def a_service_gets_the_body_from_its_beginning(self) -> None:
        for one in self.in_use:
            assert one.attempt is not None
            origin = one.attempt.exchange.origin
            assert isinstance(origin, FakeOrigin)
            assert self.whole[origin].startswith(one.body)

    def teardown(self) -> None:
        """Let everybody leave: nothing may be left behind."""
        for origin in self.alive:
            origin.leave()
        for gate in self.gates:
            gate.is_open = True
        while self.works:
            self.turn()
        while self.connector.opening:
            self.connector.succeed()
        self.connector.turn()
        for pool in self.pools:
            assert (pool.in_flight, len(pool.waiting)) == (0, 0)
            tunnels = sum(one.is_tunnel and one.pool is pool for one in self.open)
            assert pool.open == len(pool.idle) + tunnels
        assert (self.upstream.active, self.upstream.retrying) == (0, 0)


def _picked(options: list[T], pick: int) -> T:
    return options[pick % len(options)]


def _fakes(connections: Sequence[object]) -> list[FakeConnection]:
    return [one for one in connections if isinstance(one, FakeConnection)]


TestWhateverHappens = Storm.TestCase
TestWhateverHappens.settings = settings(
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
