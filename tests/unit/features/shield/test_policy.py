"""The two policies, an exchange at a time."""

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_peer, a_route, an_exchange, from_upstream
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_loop import FakeLoop
from tta_gateway.features.shield.algorithm import BLOCKED, CHALLENGED, DELAYED, NONE
from tta_gateway.features.shield.bound import RouteShield, ShieldBound
from tta_gateway.features.shield.policy import (
    BoundShieldAct,
    BoundShieldMark,
    ShieldAct,
    ShieldMark,
)
from tta_gateway.features.shield.ward import KNOWN_ONE, NOBODY, UNPROVED, Ward
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.principal import GATEWAY, Principal
from tta_gateway.kernel.problem import MALFORMED, NOT_FOUND, REQUEST_TIMEOUT, Problem
from tta_gateway.kernel.route import Route
from tta_gateway.support.metrics import Registry

HOSTILE = "192.0.2.7"
SPARES = {"shield": msgspec.Raw(msgspec.msgpack.encode(RouteShield()))}
UNPROVED_TOKEN = Problem("identity_token_unproved", 401, "a", "b")
MISSING_TOKEN = Problem("identity_token_missing", 401, "a", "b")


class House:
    """Both policies over the same ward; `shown` is what every request shows."""

    def __init__(
        self, loop: FakeLoop | None = None, *, shown: int = NOBODY, **bound: object
    ) -> None:
        self.clock = FakeClock(monotonic=1000.0)
        self.ward = Ward(
            registry=Registry(),
            clock=self.clock.monotonic,
            chance=lambda: 0.0,
            wall=self.clock.wall,
            future=cast("Callable[[], asyncio.Future[Answer]]", loop and loop.create_future),
        )
        self.ward.adopt(msgspec.structs.replace(ShieldBound(), **bound))
        self.ward.shown = lambda _: shown

    def mark(self, route: Route | None) -> BoundShieldMark:
        found = ShieldMark(self.ward).for_route(route)
        assert found is not None
        return found

    def act(self) -> BoundShieldAct:
        found = ShieldAct(self.ward).for_route(a_route(auth="required"))
        assert found is not None
        return found

    def suspect(self, level: int) -> None:
        scores = {NONE: 0.0, DELAYED: 45.0, CHALLENGED: 80.0, BLOCKED: 100.0}
        self.ward.note(HOSTILE, 2, scores[level])
        assert self.ward.level_of(HOSTILE) == level

    def ask(self, route: Route | None = None, *, principal: Principal | None = None) -> object:
        """Return what one request is answered by the shield; None: it goes on."""
        exchange = an_exchange()
        answer = self.mark(route or a_route(auth="required")).on_request(exchange)
        if answer is not None:
            return answer
        exchange.principal = principal
        return self.act().on_request(exchange)

    def fates(self, times: int, principal: Principal | None) -> list[str]:
        return [code(self.ask(principal=principal)) for _ in range(times)]


def code(answer: object) -> str:
    """How an answer of the shield is called; empty for none."""
    if answer is None:
        return ""
    assert isinstance(answer, Refusal)
    assert answer.deferrable
    assert answer.response.problem is not None
    return answer.response.problem.code


def somebody(name: str = "p7", **claims: object) -> Principal:
    return Principal(subject=name, issuer="a", claims=claims)


def finished(
    house: House,
    response: Response | None,
    *,
    route: Route | None = None,
    exchange: Exchange | None = None,
    principal: Principal | None = None,
) -> None:
    one = exchange or an_exchange()
    one.response, one.principal = response, principal
    house.mark(route).on_finish(one)


def test_where_nobody_is_suspected_everybody_goes_on() -> None:
    house = House()
    assert house.ask() is None
    house.suspect(BLOCKED)
    other = an_exchange(peer=a_peer("198.51.100.7"))
    assert house.mark(a_route()).on_request(other) is None


def test_where_it_is_off_there_is_no_policy() -> None:
    ward = House(enabled=False).ward
    assert ShieldMark(ward).for_route(a_route()) is None
    assert ShieldAct(ward).for_route(a_route(auth="required")) is None


def test_nobody_is_asked_for_behind_a_route_that_asks_for_nobody() -> None:
    ward = House().ward
    assert ShieldAct(ward).for_route(None) is None
    assert ShieldAct(ward).for_route(a_route(auth="none")) is None


def test_whoever_is_suspected_a_little_waits() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        house.suspect(DELAYED)
        waits = house.ask()
        assert isinstance(waits, asyncio.Future)
        house.clock.advance(1.1)
        house.ward.tick()
        assert waits.result() is None


def test_whoever_is_challenged_is_answered_when_they_have_waited() -> None:
    house = House()
    house.suspect(CHALLENGED)
    assert house.fates(3, None) == ["", "shield_challenged", "shield_challenged"]
    house.clock.advance(2.0)
    assert house.fates(2, None) == ["", "shield_challenged"]


@pytest.mark.parametrize("level", [DELAYED, CHALLENGED])
def test_somebody_known_feels_nothing_of_a_suspicion(level: int) -> None:
    house = House(shown=KNOWN_ONE)
    house.suspect(level)
    assert house.fates(100, somebody()) == [""] * 100


def test_whoever_is_blocked_hears_until_when_and_what_to_do() -> None:
    house = House()
    house.suspect(BLOCKED)
    answer = house.ask()
    assert isinstance(answer, Refusal)
    problem = answer.response.problem
    assert problem is not None
    assert (problem.code, problem.status, problem.retry_after, problem.closes) == (
        *("shield_blocked", 429, 61, True),
    )
    house.clock.advance(61.0)
    assert house.ask() is None


def test_somebody_known_behind_a_block_gets_through_at_the_floor_rate() -> None:
    house = House(shown=KNOWN_ONE)
    house.suspect(BLOCKED)
    assert house.fates(20, somebody()) == [""] * 8 + ["shield_slowed"] * 12
    house.clock.advance(1.0)
    assert house.fates(3, somebody()) == ["", "", "shield_slowed"]


def test_all_behind_one_address_together_have_a_cap() -> None:
    house = House(shown=KNOWN_ONE)
    house.suspect(BLOCKED)
    fates = [house.ask(principal=somebody(f"p{one}")) for one in range(200)]
    assert sum(one is None for one in fates) == 80


def test_no_more_tokens_are_proved_for_blocked_addresses_than_a_worker_has_time_for() -> None:
    house = House(shown=UNPROVED)
    house.suspect(BLOCKED)
    fates = [code(house.ask(principal=somebody(f"p{one}"))) for one in range(100)]
    assert fates == [""] * 20 + ["shield_blocked"] * 80
    house.clock.advance(1.0)
    assert code(house.ask(principal=somebody("p100"))) == ""


def test_a_token_that_proves_nobody_is_no_way_through() -> None:
    house = House(shown=UNPROVED)
    house.suspect(BLOCKED)
    assert code(house.ask(principal=None)) == "shield_blocked"
    assert house.act().on_request(an_exchange()) is None  # of whom nothing is suspected


def test_a_young_account_is_no_way_through() -> None:
    house = House(shown=KNOWN_ONE)
    house.suspect(BLOCKED)
    now = house.clock.wall()
    young, old = somebody(account_created=now - 3600), somebody("b", account_created=now - 9e4)
    assert code(house.ask(principal=young)) == "shield_blocked"
    assert code(house.ask(principal=old)) == ""
    assert code(house.ask(principal=somebody("c", account_created=True))) == ""


def test_the_gateway_says_how_old_its_accounts_are_whatever_others_say_it_in() -> None:
    house = House(shown=KNOWN_ONE)
    house.ward.adopt(msgspec.structs.replace(house.ward.bound, age_claim="since"))
    house.suspect(BLOCKED)
    young = {"account_created": house.clock.wall() - 3600}
    own = Principal(subject="d", issuer=GATEWAY, claims={**young, "since": 0})
    assert code(house.ask(principal=own)) == "shield_blocked"
    assert code(house.ask(principal=somebody("e", **young))) == ""
    assert code(house.ask(principal=somebody("f", since=house.clock.wall()))) == "shield_blocked"


def test_one_subject_of_two_issuers_has_two_floors() -> None:
    house = House(shown=KNOWN_ONE)
    house.suspect(BLOCKED)
    while code(house.ask(principal=Principal(subject="a", issuer="home"))) == "":
        pass
    assert code(house.ask(principal=Principal(subject="a", issuer="clinic"))) == ""


def test_a_route_that_asks_for_nobody_has_the_floor_of_the_address() -> None:
    house = House(shown=KNOWN_ONE)
    house.suspect(BLOCKED)
    mark = house.mark(a_route(auth="none"))
    fates = [code(mark.on_request(an_exchange())) for _ in range(100)]
    assert fates == [""] * 80 + ["shield_blocked"] * 20
    house.ward.shown = lambda _: UNPROVED
    assert code(mark.on_request(an_exchange())) == "shield_blocked"


def test_a_session_can_be_renewed_from_where_somebody_known_has_asked() -> None:
    house = House()
    house.suspect(BLOCKED)
    refresh = a_route("/api/v1/auth/refresh", service="gateway", auth="none")
    assert code(house.mark(refresh).on_request(an_exchange())) == "shield_blocked"
    house.ward.people.add(HOSTILE)
    assert house.mark(refresh).on_request(an_exchange()) is None


def test_help_in_a_crisis_is_refused_to_no_address_within_reason() -> None:
    house = House()
    house.suspect(BLOCKED)
    mark = house.mark(a_route(features=SPARES))
    fates = [code(mark.on_request(an_exchange())) for _ in range(30)]
    assert fates == [""] * 20 + ["shield_blocked"] * 10


def test_under_dry_run_everybody_goes_on() -> None:
    house = House(dry_run=True)
    house.suspect(BLOCKED)
    assert house.fates(10, None) == [""] * 10
    assert house.ward.outcomes["would_block"].values() == [10.0]


def test_whoever_asks_by_name_is_remembered_with_the_address() -> None:
    house = House()
    house.ask(principal=somebody())
    assert house.ward.people == {HOSTILE}


@pytest.mark.parametrize(
    ("response", "times"),
    [
        (answer_of(MALFORMED), 25),
        (answer_of(REQUEST_TIMEOUT), 20),
        (from_upstream(401), 25),
    ],
)
def test_what_is_refused_counts_until_the_address_is_blocked(
    response: Response, times: int
) -> None:
    house = House()
    for one in range(times):
        assert house.ward.level_of(HOSTILE) != BLOCKED, one
        finished(house, response, exchange=an_exchange(a_head("POST")))
    assert house.ward.level_of(HOSTILE) == BLOCKED


def test_paths_that_nobody_serves_count_each_once() -> None:
    house = House()
    for _ in range(100):
        finished(house, answer_of(NOT_FOUND), exchange=an_exchange(a_head(target="/a")))
    assert house.ward.level_of(HOSTILE) == NONE
    for one in range(100):
        finished(house, answer_of(NOT_FOUND), exchange=an_exchange(a_head(target=f"/{one}")))
    assert house.ward.level_of(HOSTILE) == BLOCKED


def test_tokens_that_are_refused_count_each_once() -> None:
    house = House()
    for _ in range(100):
        stale = a_head(fields=[(b"authorization", b"Bearer stale")])
        finished(house, answer_of(UNPROVED_TOKEN), exchange=an_exchange(stale))
    assert house.ward.level_of(HOSTILE) == NONE
    for one in range(60):
        head = a_head(fields=[(b"x-api-key", b"%d" % one)])
        finished(house, answer_of(UNPROVED_TOKEN), exchange=an_exchange(head))
    assert house.ward.level_of(HOSTILE) == BLOCKED


@pytest.mark.parametrize(
    "response",
    [
        None,
        from_upstream(200),
        from_upstream(404),
        from_upstream(401),  # to a GET: a page asks whether somebody is logged in
        answer_of(MISSING_TOKEN),
        answer_of(Problem("shield_blocked", 429, "a", "b")),
    ],
)
def test_what_pages_do_by_themselves_is_no_attack(response: Response | None) -> None:
    house = House()
    for _ in range(200):
        finished(house, response)
    house.ward.tick()
    assert house.ward.level_of(HOSTILE) == NONE


def test_nothing_that_somebody_known_asks_counts_against_the_address() -> None:
    house = House()
    for _ in range(1000):
        finished(house, from_upstream(401), route=a_route(), principal=somebody())
    assert house.ward.level_of(HOSTILE) == NONE


def test_a_proxy_is_not_blamed_for_what_it_passes_on() -> None:
    house = House()
    for _ in range(100):
        one = an_exchange(peer=a_peer(HOSTILE, trusted=True))
        finished(house, answer_of(MALFORMED), exchange=one)
    assert house.ward.level_of(HOSTILE) == NONE
    for _ in range(100):
        one = an_exchange(peer=a_peer("10.0.0.1", trusted=True))
        one.client = HOSTILE
        finished(house, answer_of(MALFORMED), exchange=one)
    assert house.ward.level_of(HOSTILE) == BLOCKED


def test_whoever_does_not_heed_the_challenge_is_blocked() -> None:
    house = House()
    house.suspect(CHALLENGED)
    unheeded = answer_of(Problem("shield_challenged", 429, "a", "b"))
    for _ in range(39):
        finished(house, unheeded, route=a_route())
    assert house.ward.level_of(HOSTILE) == CHALLENGED
    finished(house, unheeded, route=a_route())
    assert house.ward.level_of(HOSTILE) == BLOCKED
    hasty = House()
    hasty.suspect(CHALLENGED)
    for _ in range(5):
        finished(hasty, unheeded)
    assert hasty.ward.level_of(HOSTILE) == BLOCKED


def test_they_say_what_they_do() -> None:
    house = House()
    assert house.mark(None).explain().startswith("keeps out addresses that attack")
    assert "crisis" in house.mark(a_route(features=SPARES)).explain()
    assert "2 requests a second" in house.act().explain()


def test_what_a_session_sends_beside_its_stream_counts_as_a_socket_s_messages_do() -> None:
    house = House()
    mark = house.mark(a_route(auth="none", stream="emulation"))
    for status in (204, 200, 404):
        exchange = an_exchange(peer=a_peer(HOSTILE))
        exchange.response = Response(status)
        mark.on_finish(exchange)
    assert house.ward.anonymous == {HOSTILE: 2}
