"""Who is asking: found out where the route wants to know, and proved once."""

from collections.abc import Callable
from typing import Literal

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_exchange
from tests.unit.features.identity.issuing import ISSUER, NOW, a_key, a_signer, a_token
from tta_gateway.features.identity.bound import OWN_ISSUER, QueryBound, RevokedTokens
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.policy import BoundIdentity, Identity, QueriedIdentity
from tta_gateway.features.identity.problems import (
    EXPIRED,
    MALFORMED,
    MISSING,
    NOT_THEIRS,
    REVOKED,
    UNPROVED,
)
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem

OURS = a_signer()
TOKEN = a_token(OURS)
PROTOCOLS = b"sec-websocket-protocol"


class CountingVerifier(Verifier):
    """Counts how often it is asked."""

    asked = 0

    def prove(self, token: bytes, now: float) -> Principal | Problem:
        self.asked += 1
        return super().prove(token, now)


class House:
    """An identity policy, and the time that it goes by."""

    def __init__(self, auth: Literal["required", "optional"] = "required") -> None:
        self.now = NOW
        self.verifier = CountingVerifier([(ISSUER, [a_key(OURS)])])
        self.later: list[Callable[[], None]] = []
        self.streams = OpenStreams(later=self.later.append)
        self.identity = Identity(self.verifier, wall=lambda: self.now, streams=self.streams)
        bound = self.identity.for_route(a_route(auth=auth))
        assert isinstance(bound, BoundIdentity)
        self.bound: BoundIdentity = bound

    def ask(
        self, *fields: tuple[bytes, bytes], upgrade: bytes | None = None
    ) -> tuple[Exchange, Response | None]:
        head = a_head(fields=list(fields))
        head.upgrade = upgrade
        exchange = an_exchange(head)
        return exchange, self.bound.on_request(exchange)

    def show(self, token: bytes) -> tuple[Exchange, Response | None]:
        return self.ask((b"authorization", b"Bearer " + token))


def refused(answer: Response | None) -> Problem | None:
    assert answer is not None
    return answer.problem


def test_a_route_for_everybody_asks_nobody() -> None:
    house = House()
    assert house.identity.for_route(a_route(auth="none")) is None
    assert house.identity.for_route(None) is None


def test_whoever_shows_a_good_token_is_known() -> None:
    exchange, answer = House().show(TOKEN)
    assert answer is None
    assert exchange.principal is not None
    assert exchange.principal.subject == "p1"


def test_who_shows_nothing_is_told_what_to_show() -> None:
    exchange, answer = House().ask()
    assert refused(answer) is MISSING
    assert exchange.principal is None


def test_where_it_is_not_needed_nobody_need_show_anything() -> None:
    exchange, answer = House("optional").ask()
    assert (exchange.principal, answer) == (None, None)


@pytest.mark.parametrize("auth", ["required", "optional"])
def test_a_token_that_is_not_believed_is_refused_everywhere(
    auth: Literal["required", "optional"],
) -> None:
    exchange, answer = House(auth).show(a_token(a_signer()))
    assert refused(answer) is UNPROVED
    assert exchange.principal is None


@pytest.mark.parametrize("auth", ["required", "optional"])
def test_what_is_no_token_is_refused_everywhere(auth: Literal["required", "optional"]) -> None:
    _, answer = House(auth).ask((b"authorization", b"Bearer"))
    assert refused(answer) is MALFORMED


def test_a_token_is_proved_once() -> None:
    house = House()
    for _ in range(5):
        assert house.show(TOKEN)[1] is None
    assert house.verifier.asked == 1


def test_a_token_that_is_remembered_expires_all_the_same() -> None:
    house = House()
    assert house.show(TOKEN)[1] is None
    house.now = NOW + 590 + ISSUER.leeway
    assert refused(house.show(TOKEN)[1]) is EXPIRED


def test_what_was_refused_is_not_remembered() -> None:
    house = House()
    for _ in range(2):
        house.show(a_token(OURS, aud="elsewhere"))
    assert house.verifier.asked == 2


def switched(exchange: Exchange, *fields: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    exchange.response = Response(101, list(fields))
    return exchange.response.fields


def test_a_page_s_token_does_not_reach_the_service_and_the_page_hears_of_its_marker() -> None:
    house = House()
    exchange, answer = house.ask((PROTOCOLS, b"bearer, " + TOKEN), upgrade=b"websocket")
    assert answer is None
    assert exchange.upstream_fields == []
    switched(exchange)
    house.bound.on_response(exchange)
    assert exchange.response is not None
    assert exchange.response.fields == [(PROTOCOLS, b"bearer")]


def test_a_protocol_that_the_service_has_chosen_stays() -> None:
    house = House()
    protocols = (PROTOCOLS, b"bearer, " + TOKEN + b", chat")
    exchange, _ = house.ask(protocols, upgrade=b"websocket")
    switched(exchange, (PROTOCOLS, b"chat"))
    house.bound.on_response(exchange)
    assert exchange.response is not None
    assert exchange.response.fields == [(PROTOCOLS, b"chat")]


@pytest.mark.parametrize("status", [101, 200])
def test_an_answer_to_who_has_shown_it_in_the_usual_way_stays_as_it_is(status: int) -> None:
    house = House()
    field = (b"authorization", b"Bearer " + TOKEN)
    exchange, _ = house.ask(field, upgrade=b"websocket")
    assert exchange.upstream_fields is None
    exchange.response = Response(status, [])
    house.bound.on_response(exchange)
    assert exchange.response.fields == []


def test_it_says_what_it_does() -> None:
    assert House().bound.explain() == "asks for an access token"
    assert "lets in who shows none" in House("optional").bound.explain()


def test_what_has_been_proved_counts_no_more_once_it_is_revoked() -> None:
    house = House()
    own = msgspec.structs.replace(ISSUER, name=OWN_ISSUER)
    house.identity.believe(Verifier([(own, [a_key(OURS)])]))
    token = a_token(OURS, sid="s1")
    exchange, answer = house.show(token)
    assert (answer, exchange.principal is not None) == (None, True)
    house.identity.revoked.newly(RevokedTokens(sessions={"s1": NOW + 600}))
    exchange, answer = house.show(token)
    assert (refused(answer), exchange.principal) == (REVOKED, None)
    assert house.show(a_token(OURS, sid="s2"))[1] is None


def test_with_other_keys_nothing_is_remembered() -> None:
    house = House()
    assert house.show(TOKEN)[1] is None
    house.identity.believe(Verifier([(ISSUER, [a_key(a_signer())])]))
    assert refused(house.show(TOKEN)[1]) is UNPROVED


@pytest.mark.parametrize(
    ("status", "kind", "is_held"),
    [
        (200, b"text/event-stream; charset=utf-8", True),
        (200, b"text/html", False),
        (101, b"", True),
    ],
)
def test_what_stays_open_is_held_until_it_is_over(status: int, kind: bytes, is_held: bool) -> None:
    house = House()
    exchange, _ = house.show(TOKEN)
    exchange.response = Response(status, [(b"content-type", kind)], None)
    house.bound.on_response(exchange)
    assert len(house.streams) == int(is_held)
    house.bound.on_finish(exchange)
    assert len(house.streams) == 0


def test_nobody_s_stream_is_held() -> None:
    house = House("optional")
    exchange, _ = house.ask()
    exchange.response = Response(101, [], None)
    house.bound.on_response(exchange)
    assert len(house.streams) == 0


def queried(query: bytes, *, upgrade: bytes | None = b"websocket", **fields: bytes) -> Exchange:
    """Return what became of a request to a route whose WebSockets may show a token so."""
    house = House()
    raw = msgspec.Raw(msgspec.msgpack.encode(QueryBound(token="token", subject="player_id")))
    bound = house.identity.for_route(a_route(auth="required", features={"identity": raw}))
    assert isinstance(bound, QueriedIdentity)
    head = a_head(fields=[(name.encode(), value) for name, value in fields.items()])
    head.upgrade, head.query = upgrade, query
    exchange = an_exchange(head)
    exchange.response = bound.on_request(exchange)
    return exchange


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"token=" + TOKEN, b""),
        (b"a=1&token=" + TOKEN, b"a=1"),
        (b"player_id=p1&token=" + TOKEN, b"player_id=p1"),
    ],
)
def test_a_websocket_may_show_its_token_in_the_query_where_that_is_said(
    query: bytes, left: bytes
) -> None:
    exchange = queried(query)
    assert exchange.response is None
    assert (exchange.token, exchange.upstream_query) == (TOKEN, left)
    assert exchange.principal is not None


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (b"token=x", MALFORMED),
        (b"token=", MALFORMED),
        (b"", MISSING),
        (b"a=1", MISSING),
        (b"token=" + TOKEN + b"&token=" + TOKEN, MALFORMED),
        (b"player_id=p2&token=" + TOKEN, NOT_THEIRS),
        (b"player_id=p1&player_id=p2&token=" + TOKEN, NOT_THEIRS),
        (b"player_id=&token=" + TOKEN, NOT_THEIRS),
    ],
)
def test_one_that_is_none_or_another_s_is_refused(query: bytes, problem: Problem) -> None:
    assert refused(queried(query).response) == problem


def test_one_beside_another_is_refused() -> None:
    other = queried(b"token=" + TOKEN, authorization=b"Bearer " + TOKEN + b"x")
    assert refused(other.response) == MALFORMED
    same = queried(b"token=" + TOKEN, authorization=b"Bearer " + TOKEN)
    assert same.response is None


def test_whose_it_is_is_compared_however_it_was_shown() -> None:
    shown = queried(b"player_id=p2", authorization=b"Bearer " + TOKEN)
    assert refused(shown.response) == NOT_THEIRS


def test_a_request_of_another_kind_shows_none_in_its_query() -> None:
    exchange = queried(b"token=" + TOKEN, upgrade=None)
    assert refused(exchange.response) == MISSING
    assert exchange.upstream_query is None


def test_it_says_where_it_looks() -> None:
    raw = msgspec.Raw(msgspec.msgpack.encode(QueryBound(token="token")))
    bound = House().identity.for_route(a_route(auth="required", features={"identity": raw}))
    assert bound is not None
    assert bound.explain() == "asks for an access token; of WebSockets in the query too, as `token`"
