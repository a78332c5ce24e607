"""What a limited route answers, and what it says of what is left."""

import random
from collections.abc import Coroutine, Sequence
from typing import cast

import msgspec
import pytest

from tests.helpers.builders import a_peer, a_plan, a_route, an_exchange, answered, from_upstream
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_origin import FakeOrigin
from tests.helpers.sayings import a_saying
from tta_gateway.features.ratelimit.algorithm import Seats
from tta_gateway.features.ratelimit.bound import (
    Limit,
    Override,
    Overrides,
    RateLimitBound,
    RouteLimits,
)
from tta_gateway.features.ratelimit.metrics import ADMITTED, ASKED, REFUSED
from tta_gateway.features.ratelimit.policy import (
    BoundRateLimit,
    EarlyRateLimit,
    Keeping,
    RateLimit,
    Rule,
)
from tta_gateway.features.ratelimit.store import Answered, Asked, Away
from tta_gateway.features.ratelimit.tally import Tally
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.metrics import Metric, Registry

PER_USER = Limit(id="u", name="per-user", handle="u", amount=60, per=60.0, burst=3, key=("user",))
PER_ADDRESS = Limit(
    id="a", name="address", handle="a", amount=5, per=1.0, burst=5, key=("address",)
)
SOCKETS = Limit(id="s", name="sockets", handle="s", of="concurrent", amount=2, key=("user",))
DAILY = Limit(
    id="d", name="daily", handle="d", amount=10, per=86_400.0, burst=10, quota=True, key=("user",)
)
CHATTER = Limit(
    id="m", name="chatter", handle="m", of="messages", amount=2, per=2.0, burst=2, key=("user",)
)


def but(limit: Limit, **changes: object) -> Limit:
    return msgspec.structs.replace(limit, **changes)


class Store:
    """Answers as it is told."""

    def __init__(self, *answers: list[Answered] | Away) -> None:
        self.answers = [*answers]
        self.asked: list[Sequence[Asked]] = []

    async def take(self, asked: Sequence[Asked]) -> list[Answered]:
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Away):
            raise answer
        return answer


class House:
    """A worker with one limited route."""

    def __init__(
        self,
        *limits: Limit,
        exact: Store | None = None,
        status: bool = False,
        spares: bool = False,
    ) -> None:
        self.clock = FakeClock()
        self.registry = Registry()
        self.tally = Tally(
            monotonic=self.clock.monotonic, wall=self.clock.wall, chance=random.Random(7).random
        )
        self.keeping = Keeping(
            RateLimitBound(limits=limits), self.tally, registry=self.registry, exact=exact
        )
        raw = msgspec.Raw(
            msgspec.msgpack.encode(RouteLimits(limits=limits, status=status, spares=spares))
        )
        self.route = a_route(features={"ratelimit": raw})
        self.early = EarlyRateLimit(self.keeping).for_route(self.route)
        self.late = RateLimit(self.keeping).for_route(self.route)

    @property
    def bound(self) -> BoundRateLimit:
        found = self.late or self.early
        assert isinstance(found, BoundRateLimit)
        return found

    def ask(self, subject: str = "p1", address: str = "192.0.2.7") -> tuple[Exchange, object]:
        exchange = an_exchange(peer=a_peer(address))
        exchange.principal = Principal(subject=subject, issuer="home") if subject else None
        return exchange, self.bound.on_request(exchange)

    def passed(self, subject: str = "p1") -> Exchange:
        exchange, answer = self.ask(subject)
        assert answer is None
        return exchange

    def refused(self, subject: str = "p1") -> Response:
        _, answer = self.ask(subject)
        assert isinstance(answer, Refusal)
        assert answer.deferrable
        return answer.response

    def left(self, exchange: Exchange) -> dict[str, str]:
        answered(exchange, from_upstream())
        self.bound.on_response(exchange)
        assert exchange.response
        return {name.decode(): value.decode() for name, value in exchange.response.fields}

    def count(self, metric: Metric, *values: str) -> float:
        return self.registry.child(metric, *values).values()[0]


def settled(answer: object) -> object:
    """Return what a step comes to that had to wait: the store here answers at once."""
    with pytest.raises(StopIteration) as ended:
        cast("Coroutine[None, None, object]", answer).send(None)
    return ended.value.value


def test_a_route_without_limits_is_left_alone() -> None:
    keeping = House().keeping
    for policy in (EarlyRateLimit(keeping), RateLimit(keeping)):
        assert policy.for_route(None) is None
        assert policy.for_route(Route(name="a", path="/")) is None


def test_a_full_bucket_admits_its_burst_and_then_as_much_as_trickles_in() -> None:
    house = House(PER_USER)
    for _ in range(3):
        house.passed()
    house.refused()
    house.passed("p2")
    house.clock.advance(1.0)
    house.passed()
    house.refused()
    assert house.count(ADMITTED, "u") == 5
    assert house.count(REFUSED, "u", "enforced") == 2


def test_a_refusal_says_which_limit_and_when_to_come_back() -> None:
    house = House(PER_USER, DAILY)
    for _ in range(3):
        house.passed()
    response = house.refused()
    assert response.problem
    assert (response.status, response.problem.code) == (429, "ratelimit_exceeded")
    assert response.members == {"violated-policies": ["per-user"]}
    assert 1 <= int(response.get(b"retry-after") or b"") <= 2
    assert response.get(b"ratelimit-policy") == b'"per-user";q=60;w=60, "daily";q=10;w=86400'
    assert (response.get(b"ratelimit") or b"").startswith(b'"per-user";r=0;t=3, "daily";r=7;t=')


def test_a_request_that_one_limit_refuses_costs_nothing_of_the_others() -> None:
    house = House(PER_USER, DAILY)
    for _ in range(3):
        house.passed()
    for _ in range(20):
        house.refused()
    house.clock.advance(60.0)
    assert '"daily";r=6' in house.left(house.passed())["ratelimit"]


def test_every_answer_says_what_is_left() -> None:
    house = House(PER_USER)
    assert house.left(house.passed()) == {
        "ratelimit-policy": '"per-user";q=60;w=60',
        "ratelimit": '"per-user";r=2;t=1',
    }


def test_the_names_of_a_service_stay_beside_ours() -> None:
    house = House(PER_USER)
    exchange = house.passed()
    answered(exchange, from_upstream(200, [(b"ratelimit", b'"theirs";r=1')]))
    house.bound.on_response(exchange)
    assert exchange.response
    assert [value for name, value in exchange.response.fields if name == b"ratelimit"] == [
        b'"theirs";r=1',
        b'"per-user";r=2;t=1',
    ]


def test_a_request_that_costs_more_takes_more() -> None:
    house = House(but(PER_USER, cost=2))
    house.passed()
    house.refused()


def test_limits_that_look_at_no_name_are_kept_before_anybody_shows_theirs() -> None:
    house = House(PER_USER, PER_ADDRESS, but(PER_ADDRESS, id="all", name="all", key=()))
    assert isinstance(house.early, BoundRateLimit)
    assert isinstance(house.late, BoundRateLimit)
    exchange = an_exchange()
    assert house.early.on_request(exchange) is None
    exchange.principal = Principal(subject="p1", issuer="home")
    assert house.late.on_request(exchange) is None
    answered(exchange, from_upstream())
    house.late.on_response(exchange)
    house.early.on_response(exchange)
    assert exchange.response
    assert [value for name, value in exchange.response.fields if name == b"ratelimit"] == [
        b'"per-user";r=2;t=1',
        b'"address";r=4;t=1, "all";r=4;t=1',
    ]
    house.late.on_finish(exchange)
    house.early.on_finish(exchange)


def test_what_was_refused_before_is_not_said_again() -> None:
    house = House(PER_USER, PER_ADDRESS)
    exchange = an_exchange()
    answered(exchange, Response(401))
    assert isinstance(house.late, BoundRateLimit)
    house.late.on_response(exchange)
    assert exchange.response
    assert exchange.response.fields == []
    exchange.limited = [object()]  # of the policy before, which let it through
    house.late.on_response(exchange)
    assert exchange.response.fields == []


def test_who_only_looks_lets_through_and_tells() -> None:
    house = House(but(PER_USER, dry_run=True))
    for _ in range(3):
        house.passed()
    exchange = house.passed()
    assert exchange.shadowed == "ratelimit_exceeded"
    assert house.count(REFUSED, "u", "dry_run") == 1
    assert house.left(exchange) == {}


def test_an_operator_changes_a_limit_while_it_is_at_work() -> None:
    house = House(PER_USER)
    exchange = house.passed()
    house.tally.override(Overrides(limits={"u": Override(amount=120, burst=120)}))
    assert house.left(exchange)["ratelimit-policy"] == '"per-user";q=120;w=60'
    for _ in range(10):
        house.passed()
    house.tally.override(Overrides(limits={"u": Override(dry_run=True)}))
    assert house.left(house.passed()) == {}


# --- seats ---------------------------------------------------------------------------------------


def test_seats_are_given_back_when_an_exchange_ends() -> None:
    house = House(SOCKETS)
    first, _ = house.passed(), house.passed()
    response = house.refused()
    assert response.problem
    assert response.problem.code == "ratelimit_concurrency_exceeded"
    assert response.get(b"ratelimit-policy") == b'"sockets";q=2;qu="concurrent-requests"'
    assert response.get(b"ratelimit") == b'"sockets";r=0'
    house.bound.on_finish(first)
    house.passed()


def test_whoever_is_refused_gives_back_nothing() -> None:
    house = House(SOCKETS, PER_USER)
    taken = [house.passed(), house.passed()]
    refused, _ = house.ask()
    house.bound.on_finish(refused)
    entry = house.tally.tables["s"].entry("home/p1", 0.0)
    assert isinstance(entry, Seats)
    assert entry.held == 2
    for exchange in taken:
        house.bound.on_finish(exchange)
    assert entry.held == 0


def test_who_is_let_past_an_early_limit_in_spite_of_it_gives_back_what_was_taken_later() -> None:
    doors = but(PER_ADDRESS, id="d", name="doors", of="concurrent", amount=1)
    house = House(PER_ADDRESS, doors, SOCKETS, PER_USER)
    early, late = house.early, house.late
    assert isinstance(early, BoundRateLimit)
    assert isinstance(late, BoundRateLimit)
    assert early.on_request(an_exchange(peer=a_peer("192.0.2.7"))) is None
    lifted = an_exchange(peer=a_peer("192.0.2.7"))
    lifted.principal = Principal(subject="p2", issuer="home")
    assert isinstance(early.on_request(lifted), Refusal)
    assert late.on_request(lifted) is None
    answered(lifted, from_upstream())
    for bound in (late, early):
        bound.on_response(lifted)
    assert lifted.response
    assert (lifted.response.get(b"ratelimit") or b"").startswith(b'"sockets";r=1, "per-user";r=2')
    assert len([name for name, _ in lifted.response.fields if name == b"ratelimit"]) == 1
    for bound in (late, early):
        bound.on_finish(lifted)
    held = [
        house.tally.tables[id].entry(key, 0.0) for id, key in (("s", "home/p2"), ("d", "192.0.2.7"))
    ]
    assert [one.held for one in held if isinstance(one, Seats)] == [0, 1]


def test_a_limit_without_seats_has_nothing_to_give_back() -> None:
    house = House(PER_USER)
    house.bound.on_finish(house.passed())


# --- strict limits -------------------------------------------------------------------------------

EXACT = but(PER_USER, exact=True)


def test_a_strict_limit_asks_the_store_and_goes_by_its_answer() -> None:
    store = Store(
        [Answered(0.0, 0.0, 1.0, b"")],
        [Answered(0.0, 0.0, 3.0, b"")],
        [Answered(0.5, 0.0, 3.0, b"")],
    )
    house = House(EXACT, DAILY, exact=store)
    exchange, answer = house.ask()
    assert settled(answer) is None
    assert house.left(exchange)["ratelimit"].startswith('"per-user";r=2;t=1, "daily";r=9')
    exchange, answer = house.ask()
    assert settled(answer) is None
    assert house.left(exchange)["ratelimit"].startswith('"per-user";r=0;t=3, "daily";r=8')
    _, answer = house.ask()
    assert isinstance(answer, Refusal)  # that all is spent is known here already
    house.clock.advance(1.0)
    _, answer = house.ask()
    refusal = settled(answer)
    assert isinstance(refusal, Refusal)
    assert refusal.response.members == {"violated-policies": ["per-user"]}
    assert [len(asked) for asked in store.asked] == [1, 1, 1]
    assert store.asked[0][0] == Asked(id="u", key="home/p1", step=1.0, depth=3.0)
    assert house.count(ASKED, "answered") == 3


def test_a_strict_quota_asks_for_its_window() -> None:
    clock = FakeClock()
    number = int(clock.wall() // 86_400)
    store = Store([Answered(0.0, float(number), 4.0, b"n")])
    house = House(but(DAILY, exact=True, cost=2), exact=store)
    exchange, answer = house.ask()
    assert settled(answer) is None
    assert '"daily";r=6' in house.left(exchange)["ratelimit"]
    (asked,) = store.asked[0]
    assert (asked.window, asked.ends) == (number, (number + 1) * 86_400.0)
    assert (asked.cost, asked.amount) == (2, 10)


@pytest.mark.parametrize("done", [True, False])
def test_without_the_store_the_worker_decides(*, done: bool) -> None:
    away = Away("it is away", may_be_done=done)
    house = House(EXACT, exact=Store(away, away, away))
    for _ in range(3):
        _, answer = house.ask()
        assert settled(answer) is None
    house.refused()
    assert house.count(ASKED, "local") == 3


def test_who_is_overtaken_while_the_store_is_away_is_refused() -> None:
    away = Away("it is away", may_be_done=False)
    house = House(EXACT, exact=Store(*[away] * 4))
    waiting = [house.ask()[1] for _ in range(4)]
    answers = [settled(answer) for answer in waiting]
    assert [type(answer) for answer in answers] == [type(None)] * 3 + [Refusal]


def test_a_limit_that_would_rather_refuse_says_so() -> None:
    house = House(but(EXACT, refuses=True), exact=Store(Away("it is away", may_be_done=True)))
    _, answer = house.ask()
    refusal = settled(answer)
    assert isinstance(refusal, Refusal)
    assert refusal.response.problem
    assert refusal.response.problem.code == "ratelimit_store_unavailable"
    assert house.count(ASKED, "refused") == 1


@pytest.mark.parametrize(
    "said", [[Answered(0.0, 0.0, 1.0, b"")], Away("it is away", may_be_done=False)]
)
def test_whoever_has_gone_meanwhile_takes_no_seat(said: list[Answered] | Away) -> None:
    house = House(EXACT, SOCKETS, exact=Store(said))
    exchange, answer = house.ask()
    exchange.aborted = True
    assert settled(answer) is None
    assert exchange.limited is None
    entry = house.tally.tables["s"].entry("home/p1", 0.0)
    assert isinstance(entry, Seats)
    assert entry.held == 0


def test_who_waits_for_the_store_takes_no_seat_that_another_has_taken_meanwhile() -> None:
    good = [Answered(0.0, 0.0, 1.0, b"")]
    house = House(EXACT, SOCKETS, exact=Store(good, good, good))
    waiting = [house.ask()[1] for _ in range(3)]
    answers = [settled(answer) for answer in waiting]
    assert [type(answer) for answer in answers] == [type(None)] * 2 + [Refusal]
    refusal = answers[-1]
    assert isinstance(refusal, Refusal)
    assert refusal.response.members == {"violated-policies": ["sockets"]}
    entry = house.tally.tables["s"].entry("home/p1", 0.0)
    assert isinstance(entry, Seats)
    assert entry.held == 2


@pytest.mark.parametrize("said", [[Answered(0.0, 0.0, 1.0, b"")], Away("", may_be_done=False)])
def test_what_was_forgotten_while_the_store_is_asked_is_taken_where_others_see_it(
    said: list[Answered] | Away,
) -> None:
    house = House(EXACT, SOCKETS, exact=Store(said))
    exchange, answer = house.ask()
    house.tally.tick()
    assert settled(answer) is None
    entry = house.tally.tables["s"].entry("home/p1", 0.0)
    assert isinstance(entry, Seats)
    assert entry.held == 1
    house.bound.on_finish(exchange)
    assert entry.held == 0


@pytest.mark.parametrize("slow", [[Answered(0.0, 0.0, 1.0, b"")], Away("", may_be_done=True)])
def test_who_keeps_to_a_limit_is_not_refused_because_the_store_is_slow(
    slow: list[Answered] | Away,
) -> None:
    strict = but(EXACT, id="e", name="strict", burst=1)
    house = House(strict, but(PER_USER, burst=1), exact=Store(slow, slow))
    _, answer = house.ask()
    house.clock.advance(0.04)
    assert settled(answer) is None
    house.clock.advance(0.96)  # a second after it was asked first, as 60 in a minute may
    _, answer = house.ask()
    assert settled(answer) is None


def test_a_strict_limit_that_is_told_only_to_look_asks_and_refuses_nobody() -> None:
    house = House(but(EXACT, refuses=True), exact=Store())
    house.tally.override(Overrides(limits={"u": Override(dry_run=True)}))
    exchanges = [house.passed() for _ in range(4)]
    assert exchanges[-1].shadowed == "ratelimit_exceeded"


def test_a_strict_limit_that_only_looked_is_strict_once_it_is_enforced() -> None:
    house = House(but(EXACT, dry_run=True), exact=Store([Answered(0.0, 0.0, 1.0, b"")]))
    house.passed()
    house.tally.override(Overrides(limits={"u": Override(dry_run=False)}))
    _, answer = house.ask()
    assert settled(answer) is None


def test_without_any_store_a_strict_limit_is_like_others() -> None:
    house = House(EXACT)
    house.passed()


# --- messages ------------------------------------------------------------------------------------


def test_messages_of_an_exchange_from_inside_are_counted_one_by_one() -> None:
    house = House(CHATTER)
    plan = a_plan([RateLimit(house.keeping)], route=house.route)
    runner = Runner(lambda _: None, lambda *_: None)
    exchange = an_exchange(plan=plan, origin=FakeOrigin(runner))
    exchange.principal = Principal(subject="p1", issuer="home")
    runner.begin(exchange)
    assert runner.message(exchange, a_saying(b"one")) is None
    assert runner.message(exchange, a_saying(b"two")) is None
    refusal = runner.message(exchange, a_saying(b"three"))
    assert isinstance(refusal, Refusal)
    assert refusal.deferrable
    assert refusal.response.problem
    assert refusal.response.problem.code == "ratelimit_messages_exceeded"
    assert refusal.response.members == {"violated-policies": ["chatter"]}
    house.clock.advance(1.0)
    assert runner.message(exchange, a_saying(b"four")) is None


def test_messages_that_are_only_looked_at_pass() -> None:
    house = House(but(CHATTER, dry_run=True))
    exchange, _ = house.ask()
    assert [house.bound.on_message(exchange, a_saying()) for _ in range(4)] == [None] * 4
    assert house.count(REFUSED, "m", "dry_run") == 2


# --- the caller's own ----------------------------------------------------------------------------


def test_a_caller_is_told_of_all_that_is_kept_for_them() -> None:
    limits = (PER_USER, SOCKETS, but(PER_ADDRESS, dry_run=True))
    house = House(*limits)
    house.passed()
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteLimits(status=True)))
    status = RateLimit(house.keeping).for_route(a_route(features={"ratelimit": raw}))
    assert status
    exchange = an_exchange()
    exchange.principal = Principal(subject="p1", issuer="home")
    response = status.on_request(exchange)
    assert isinstance(response, Response)
    assert response.body
    told = msgspec.json.decode(response.body)["limits"]
    assert told == [
        {
            "name": "per-user",
            "limit": "u",
            "of": "requests",
            "amount": 60,
            "per_seconds": 60.0,
            "burst": 3,
            "left": 2,
            "whole_in_seconds": 1,
        },
        {"name": "sockets", "limit": "s", "of": "concurrent", "amount": 2, "left": 1},
    ]
    exchange.principal = Principal(subject="p2", issuer="home")
    response = status.on_request(exchange)
    assert isinstance(response, Response)
    assert response.body
    assert [one["left"] for one in msgspec.json.decode(response.body)["limits"]] == [3, 2]
    assert status.explain() == "tells the caller what is left of their limits"


def test_it_says_what_it_does() -> None:
    house = House(
        but(PER_USER, cost=2, exact=True), DAILY, SOCKETS, CHATTER, but(PER_USER, id="x", key=())
    )
    assert house.bound.explain() == (
        "`per-user`: 60 requests in 60 s, 3 at once for each user, of which one takes 2, exact; "
        "`daily`: 10 requests in 86400 s, a quota for each user; "
        "`sockets`: 2 at the same time for each user; "
        "`chatter`: 2 messages in 2 s, 2 at once for each user"
    )
    early = house.early
    assert early
    assert early.explain() == "`per-user`: 60 requests in 60 s, 3 at once for all together"
    other = House(but(PER_USER, adaptive="players", dry_run=True))
    assert other.bound.explain().endswith("by the service's health, only tells")


# The gateway's own endpoints, and limits that cost more on one route than on another


def test_who_is_in_a_crisis_is_let_past_where_the_route_spares_them() -> None:
    """Red where `on_request` of features/ratelimit/policy.py looks at no class."""
    house = House(but(PER_USER, burst=1), SOCKETS, spares=True)
    house.passed()
    for _ in range(3):
        exchange = an_exchange()
        exchange.principal = Principal(subject="p1", issuer="home")
        exchange.traffic = CRISIS
        assert house.bound.on_request(exchange) is None
        answered(exchange, from_upstream())
        house.bound.on_response(exchange)
        house.bound.on_finish(exchange)
        assert exchange.response
        assert exchange.response.get(b"ratelimit") is None
    assert house.refused().get(b"retry-after")  # nobody else is


def test_elsewhere_a_crisis_is_no_way_around_a_limit() -> None:
    house = House(but(PER_USER, burst=1))
    house.passed()
    exchange = an_exchange()
    exchange.principal, exchange.traffic = Principal(subject="p1", issuer="home"), CRISIS
    assert isinstance(house.bound.on_request(exchange), Refusal)


def test_what_is_said_of_a_limit_is_enough_for_the_dearest_route() -> None:
    house = House(but(DAILY, cost=8))
    cheap = Rule(house.keeping, but(DAILY, cost=1))
    house.tally.override(Overrides(limits={"d": Override(amount=2)}))
    assert (cheap.cost, cheap.table.limit.amount) == (1, 8)
    house.passed()
    assert house.refused().status == 429
