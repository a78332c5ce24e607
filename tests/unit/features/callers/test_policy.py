"""Which services get through to a route; that each connection is proved once; what stays open."""

import msgspec
import pytest

from tests.helpers.builders import a_route, an_exchange, answered
from tests.helpers.svids import DAY, NOW, PLAYERS, Authority
from tta_gateway.features.callers.algorithm import Fault
from tta_gateway.features.callers.bound import CallersBound, RouteCallers
from tta_gateway.features.callers.metrics import REFUSED
from tta_gateway.features.callers.policy import (
    PARTING,
    TOLD,
    BoundCallers,
    Callers,
    Proof,
    Standing,
)
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.peer import Shown, Trust
from tta_gateway.kernel.principal import MTLS
from tta_gateway.support.metrics import Registry
from tta_gateway.support.svid import authority, names_of

ROOT = Authority()
TRUSTED = frozenset((authority(ROOT.der),))
STORIES = "spiffe://tta/stories"
KNOWN = CallersBound(services={PLAYERS: ("service",), STORIES: ()})
CHAIN = ROOT.issue(PLAYERS).chain


class House:
    """A route for the players' service, and a clock."""

    def __init__(self, bound: RouteCallers | None = None) -> None:
        self.now = NOW
        self.registry = Registry()
        self.standing = Standing()
        self.trust = Trust(TRUSTED)
        self.callers = self.of(KNOWN)
        self.rule = self.rule_of(bound or RouteCallers(ids=(PLAYERS,)))

    def of(self, known: CallersBound) -> Callers:
        return Callers(known, wall=lambda: self.now, registry=self.registry, standing=self.standing)

    def rule_of(self, bound: RouteCallers) -> BoundCallers:
        raw = msgspec.Raw(msgspec.msgpack.encode(bound))
        found = self.callers.for_route(a_route(features={"callers": raw}))
        assert found is not None
        return found

    def shown(self, chain: tuple[bytes, ...] = CHAIN) -> Shown:
        return Shown(chain, self.trust)

    def call(self, shown: Shown | None, origin: object = None) -> Exchange:
        exchange = an_exchange(origin=origin)
        exchange.peer.shown = shown
        exchange.response = self.rule.on_request(exchange)
        return exchange


def code(exchange: Exchange) -> str | None:
    response = exchange.response
    return response.problem.code if response is not None and response.problem else None


def refused(house: House, reason: str) -> float:
    return float(house.registry.child(REFUSED, reason).values()[0])


def test_a_service_of_the_list_gets_through_and_is_who_asks() -> None:
    exchange = House().call(House().shown())
    assert code(exchange) is None
    assert exchange.principal is not None
    assert (exchange.principal.subject, exchange.principal.issuer) == (PLAYERS, MTLS)
    assert exchange.principal.roles == {"service"}
    assert (TOLD, b"URI=" + PLAYERS.encode()) in exchange.extra


def test_a_route_that_asks_for_no_service_is_left_alone() -> None:
    assert House().callers.for_route(a_route()) is None
    assert House().callers.for_route(None) is None


def test_another_service_is_refused_in_words_that_name_nobody() -> None:
    house = House()
    exchange = house.call(house.shown(ROOT.issue(STORIES).chain))
    assert code(exchange) == "caller_forbidden"
    assert exchange.principal is None
    assert exchange.extra == []
    assert exchange.response is not None
    assert exchange.response.detail is None
    assert refused(house, "forbidden") == 1


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (None, "caller_certificate_missing"),
        ((), "caller_certificate_missing"),
        (ROOT.issue(dns=["players"]).chain, "caller_certificate_unfit"),
        (ROOT.issue(PLAYERS, begins=NOW + 9).chain, "caller_certificate_early"),
        (ROOT.issue(PLAYERS, ends=NOW - 9).chain, "caller_certificate_expired"),
        (Authority("x").issue(PLAYERS).chain, "caller_certificate_withdrawn"),
        (ROOT.issue("spiffe://tta/x").chain, "caller_unknown"),
    ],
)
def test_who_proves_nothing_is_told_why(chain: tuple[bytes, ...] | None, reason: str) -> None:
    house = House()
    exchange = house.call(None if chain is None else house.shown(chain))
    assert code(exchange) == reason
    assert exchange.principal is None
    assert exchange.response is not None
    assert exchange.response.status == 403


def test_one_that_is_withdrawn_is_refused_on_the_connection_that_it_has_opened() -> None:
    house = House()
    shown = house.shown()
    assert code(house.call(shown)) is None
    names = tuple(names_of(shown.chain))
    house.callers = house.of(msgspec.structs.replace(KNOWN, withdrawn=names[:1]))
    house.rule = house.rule_of(RouteCallers(ids=(PLAYERS,)))
    exchange = house.call(shown)
    assert code(exchange) == "caller_certificate_revoked"
    assert refused(house, "revoked") == 1


def test_the_certificates_of_a_connection_are_read_once() -> None:
    house = House()
    shown = house.shown()
    assert [code(house.call(shown)) for _ in range(5)] == [None] * 5
    first = shown.proof
    assert isinstance(first, Proof)
    house.trust.authorities = TRUSTED | {b"another"}
    house.callers = house.of(KNOWN)
    house.rule = house.rule_of(RouteCallers(ids=(PLAYERS,)))
    assert code(house.call(shown)) is None
    again = shown.proof
    assert isinstance(again, Proof)
    assert again is not first  # judged once more
    assert again.papers is first.papers


def test_it_ends_when_the_certificate_does_while_the_connection_stands() -> None:
    house = House()
    shown = house.shown()
    assert code(house.call(shown)) is None
    house.now = NOW + DAY
    exchange = house.call(shown)
    assert code(exchange) == "caller_certificate_expired"
    assert exchange.response is not None
    assert exchange.response.problem is not None
    assert exchange.response.problem.closes


def test_a_connection_parts_behind_the_answers_before_its_certificate_ends() -> None:
    house = House()
    shown = house.shown()
    house.now = NOW + DAY - PARTING - 1
    assert code(house.call(shown)) is None
    assert not shown.parting
    house.now = NOW + DAY - PARTING
    assert code(house.call(shown)) is None
    assert shown.parting


def test_an_authority_that_is_withdrawn_is_believed_no_more_on_the_next_request() -> None:
    house = House()
    shown = house.shown()
    assert code(house.call(shown)) is None
    house.trust.authorities = TRUSTED | {b"another"}
    assert code(house.call(shown)) is None
    house.trust.authorities = frozenset((b"another",))
    assert code(house.call(shown)) == "caller_certificate_withdrawn"


def test_another_configuration_counts_for_connections_that_stand() -> None:
    house = House()
    shown = house.shown()
    assert code(house.call(shown)) is None
    house.callers = house.of(CallersBound(services={STORIES: ()}))
    house.rule = house.rule_of(RouteCallers(ids=(PLAYERS,)))
    assert code(house.call(shown)) == "caller_unknown"


def test_where_it_is_optional_a_service_is_told_of_and_others_get_through() -> None:
    house = House(RouteCallers(optional=True))
    assert house.call(house.shown()).extra == [(TOLD, b"URI=" + PLAYERS.encode())]
    nobody = house.call(None)
    unknown = house.call(house.shown(ROOT.issue("spiffe://tta/x").chain))
    assert [(code(one), one.extra) for one in (nobody, unknown)] == [(None, []), (None, [])]


def test_where_it_is_optional_a_connection_that_has_gone_bad_is_still_refused() -> None:
    house = House(RouteCallers(optional=True))
    shown = house.shown()
    house.trust.authorities = frozenset()
    assert code(house.call(shown)) == "caller_certificate_withdrawn"


def test_what_it_does_is_said() -> None:
    assert PLAYERS in House().rule.explain()
    assert "says to the service" in House(RouteCallers(optional=True)).rule.explain()


# What stays open


class Client:
    """An origin that notes how it is dismissed."""

    def __init__(self) -> None:
        self.dismissed: list[int] = []

    def dismiss(self, code: int, reason: bytes) -> None:
        assert reason
        self.dismissed.append(code)


def socket(house: House, shown: Shown) -> tuple[Exchange, Client]:
    origin = Client()
    exchange = house.call(shown, origin)
    answered(exchange, Response(101))
    house.rule.on_response(exchange)
    return exchange, origin


def test_a_socket_ends_when_its_certificate_does() -> None:
    house = House()
    first, origin = socket(house, house.shown())
    socket(house, house.shown(ROOT.issue(PLAYERS, ends=NOW + 2 * DAY).chain))
    house.standing.tick(NOW + DAY - 1)
    assert (len(house.standing), origin.dismissed) == (2, [])
    house.standing.tick(NOW + DAY)
    assert len(house.standing) == 1
    assert origin.dismissed == [3000]
    assert first.error is not None
    house.standing.tick(NOW + 2 * DAY)
    assert len(house.standing) == 0


def test_a_socket_ends_when_its_authority_is_withdrawn() -> None:
    house = House()
    _, origin = socket(house, house.shown())
    house.standing.doubt(house.callers)
    house.standing.tick(NOW)
    assert origin.dismissed == []
    house.trust.authorities = frozenset()
    house.standing.doubt(house.callers)
    house.standing.tick(NOW)
    assert origin.dismissed == [3000]


def test_what_is_over_is_held_no_longer() -> None:
    house = House()
    exchange, _ = socket(house, house.shown())
    house.rule.on_finish(exchange)
    assert len(house.standing) == 0
    over = house.call(house.shown())
    answered(over, Response(200))
    house.rule.on_response(over)
    assert len(house.standing) == 0


def test_of_nobody_nothing_is_held() -> None:
    house = House(RouteCallers(optional=True))
    for shown in (None, house.shown(ROOT.issue(dns=["x"]).chain)):
        exchange = house.call(shown)
        answered(exchange, Response(101))
        house.rule.on_response(exchange)
    assert len(house.standing) == 0


def test_a_proof_says_whose_it_is() -> None:
    house = House()
    found = house.callers.proved(house.shown())
    assert isinstance(found, Proof)
    assert found.expires == NOW + DAY
    assert house.callers.proved(None) is Fault.MISSING
