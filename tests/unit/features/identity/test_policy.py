"""Who is asking: found out where the route wants to know, and proved once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
import pytest

from tests.helpers.builders import Bound, a_head, a_plan, a_route, an_exchange
from tests.unit.features.identity.issuing import ISSUER, NOW, a_key, a_signer, a_token
from tta_gateway.features.identity.access_cookie import AccessCookie
from tta_gateway.features.identity.api_key import digest, made
from tta_gateway.features.identity.bound import (
    OWN_ISSUER,
    ApiKeysTold,
    CookieBound,
    KeyTold,
    QueryBound,
    RevokedTokens,
)
from tta_gateway.features.identity.metrics import LOGINS
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.policy import (
    LAPSED,
    Anteroom,
    BoundIdentity,
    Identity,
    QueriedIdentity,
    TicketIdentity,
    Unasked,
)
from tta_gateway.features.identity.problems import (
    EXPIRED,
    KEY_UNKNOWN,
    LOGIN_BUSY,
    MALFORMED,
    MISSING,
    NOT_THEIRS,
    ORIGIN_REFUSED,
    REVOKED,
    TICKET_ELSEWHERE,
    TICKET_INVALID,
    TICKET_USED,
    UNPROVED,
)
from tta_gateway.features.identity.public import LOGIN, ROUTES
from tta_gateway.features.identity.ticket import TYPE, Tickets, issuer_of
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response
from tta_gateway.kernel.own import CLOSED_FOR
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem
from tta_gateway.support.metrics import Registry

OURS = a_signer()
TOKEN = a_token(OURS)
PROTOCOLS = b"sec-websocket-protocol"


class CountingVerifier(Verifier):
    """Counts how often it is asked."""

    asked = 0

    def prove(self, token: bytes, now: float, late: float = 0.0) -> Principal | Problem:
        self.asked += 1
        return super().prove(token, now, late)


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
        answer = self.bound.on_request(exchange)
        assert not isinstance(answer, Refusal)  # no scan stands behind it
        return exchange, answer

    def show(self, token: bytes) -> tuple[Exchange, Response | None]:
        return self.ask((b"authorization", b"Bearer " + token))


def refused(answer: Response | None) -> Problem | None:
    assert answer is not None
    return answer.problem


LOGIN_ROUTE = next(one for one in ROUTES if one.path == LOGIN)


class Door:
    """Where people log in, what control has told of it, and how many were turned away."""

    def __init__(self, cookie: AccessCookie | None = None) -> None:
        self.now = NOW
        self.registry = Registry()
        streams = OpenStreams(later=lambda _: None)
        self.identity = Identity(
            Verifier([]),
            wall=lambda: self.now,
            streams=streams,
            cookie=cookie,
            registry=self.registry,
        )
        bound = self.identity.for_route(LOGIN_ROUTE)
        assert isinstance(bound, Anteroom)
        self.bound: Anteroom = bound

    def knock(self) -> Response | None:
        return self.bound.on_request(an_exchange(a_head("POST", LOGIN)))

    def told(self, *fields: tuple[bytes, bytes], status: int = 503) -> Response:
        """What a client hears of what control says."""
        exchange = an_exchange(a_head("POST", LOGIN))
        exchange.response = Response(status, list(fields))
        exchange.response.local = False
        self.bound.on_response(exchange)
        return exchange.response

    @property
    def turned_away(self) -> float:
        child = self.registry.child(LOGINS, "busy")
        return child.cells[child.at]


def test_while_control_has_no_room_a_worker_turns_logins_away() -> None:
    door = Door()
    assert door.knock() is None
    response = door.told((b"retry-after", b"2"), (CLOSED_FOR, b"0.500"))
    assert response.fields == [(b"retry-after", b"2")]
    assert refused(door.knock()) is LOGIN_BUSY
    door.now += 0.49
    assert refused(door.knock()) is LOGIN_BUSY
    door.now += 0.02
    assert door.knock() is None
    assert door.turned_away == 2.0


def test_nobody_is_turned_away_for_another_reason_or_for_ever() -> None:
    door = Door()
    door.told((b"retry-after", b"2"))
    door.told((CLOSED_FOR, b"9"), status=200)
    assert door.knock() is None
    door.told((CLOSED_FOR, b"86400"))
    door.now += 5.1
    assert door.knock() is None


def test_where_people_log_in_the_cookie_is_taken_out_as_elsewhere() -> None:
    door = Door(AccessCookie(CookieBound(name="access")))
    head = a_head("POST", LOGIN, fields=[(b"cookie", b"access=x; other=y")])
    exchange = an_exchange(head)
    assert door.bound.on_request(exchange) is None
    assert exchange.upstream_fields is not None
    assert (b"cookie", b"other=y") in exchange.upstream_fields
    assert "cookie" in door.bound.explain()
    assert Door().bound.explain() == "turns logins away while there is no room for them"


def test_a_route_of_the_operators_with_the_same_path_has_no_such_door() -> None:
    route = a_route(LOGIN, auth="none")
    assert Door().identity.for_route(route) is None


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


@pytest.mark.parametrize(
    ("since", "session", "audience", "is_known"),
    [
        (0.0, "s-in", "api", True),
        (LAPSED - 1.0, "s-in", "api", True),
        (LAPSED, "s-in", "api", False),
        (60.0, "s-out", "api", False),
        (60.0, "s-in", "elsewhere", False),
    ],
)
def test_whose_token_has_expired_of_late_is_known_to_the_scan_and_refused_all_the_same(
    since: float, session: str, audience: str, is_known: bool
) -> None:
    house = House()
    own = msgspec.structs.replace(ISSUER, name=OWN_ISSUER)
    house.identity.believe(Verifier([(own, [a_key(OURS)])]))
    house.identity.revoked.newly(RevokedTokens(sessions={"s-out": NOW + 99.0}))
    house.now = NOW + 590 + ISSUER.leeway + since
    token = a_token(OURS, sid=session, aud=audience)
    head = a_head(fields=[(b"authorization", b"Bearer " + token)])
    scan = Bound(on_request=lambda _: None, scans_refused=True)
    exchange = an_exchange(head, plan=a_plan([scan], route=a_route()))
    answer = house.bound.on_request(exchange)
    deferrable = isinstance(answer, Refusal) and answer.deferrable
    assert (exchange.principal, exchange.lapsed is not None, deferrable) == (
        None,
        is_known,
        is_known,
    )


def test_one_that_was_remembered_is_known_to_the_scan_and_an_api_key_is_not() -> None:
    house = House()
    house.show(TOKEN)
    asked = house.verifier.asked
    house.now = NOW + 600 + ISSUER.leeway
    assert house.identity.lapsed(TOKEN) is not None
    assert house.identity.lapsed(b"tta_gw_x") is None
    assert house.verifier.asked == asked


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
    answer = bound.on_request(exchange)
    assert not isinstance(answer, Refusal)  # no scan stands behind it
    exchange.response = answer
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


# --- cookies, keys and tickets ------------------------------------------------------------------

COOKIE = CookieBound(name="__Host-tta", origins=("https://app",))
KEY = made().encode()
TICKETED = QueryBound(ticket=True)


def bound_to(
    identity: Identity,
    auth: Literal["required", "optional", "none"] = "required",
    *,
    asked: QueryBound | None = None,
) -> BoundIdentity | TicketIdentity | Unasked | Anteroom:
    """A route of this policy, whose `auth_query` and the like are `asked`."""
    raw = {} if asked is None else {"identity": msgspec.Raw(msgspec.msgpack.encode(asked))}
    bound = identity.for_route(a_route(auth=auth, features=raw))
    assert bound is not None
    return bound


def with_cookie(
    auth: Literal["required", "optional", "none"], *fields: tuple[bytes, bytes], method: str = "GET"
) -> Exchange:
    """What became of a request to a gateway that has the cookie."""
    house = House()
    identity = Identity(
        house.verifier, wall=lambda: NOW, streams=house.streams, cookie=AccessCookie(COOKIE)
    )
    exchange = an_exchange(a_head(method, fields=list(fields)))
    answer = bound_to(identity, auth).on_request(exchange)
    assert not isinstance(answer, Awaitable | Refusal)
    exchange.response = answer
    return exchange


def test_a_token_in_the_cookie_counts_and_goes_no_further() -> None:
    exchange = with_cookie("required", (b"cookie", b"a=b; __Host-tta=" + TOKEN))
    assert exchange.response is None
    assert exchange.principal is not None
    assert (exchange.token, exchange.upstream_fields) == (TOKEN, [(b"cookie", b"a=b")])


def test_a_page_of_elsewhere_has_it_not_used() -> None:
    sent = (b"cookie", b"__Host-tta=" + TOKEN)
    assert refused(with_cookie("required", sent, method="POST").response) is ORIGIN_REFUSED
    allowed = with_cookie("required", sent, (b"origin", b"https://app"), method="POST")
    assert allowed.response is None


def test_a_token_in_a_field_stands_before_the_cookie() -> None:
    fields = [(b"cookie", b"__Host-tta=x"), (b"authorization", b"Bearer " + TOKEN)]
    exchange = with_cookie("required", *fields, method="POST")
    assert (exchange.response, exchange.token) == (None, TOKEN)
    assert exchange.upstream_fields == [fields[1]]


def test_two_cookies_that_differ_are_refused_and_where_nobody_asks_taken_out() -> None:
    sent = (b"cookie", b"__Host-tta=a; __Host-tta=b")
    assert refused(with_cookie("required", sent).response) is MALFORMED
    exchange = with_cookie("none", sent)
    assert (exchange.response, exchange.upstream_fields, exchange.principal) == (None, [], None)
    assert with_cookie("none").upstream_fields is None


def test_what_it_does_with_cookies_and_tickets_is_said() -> None:
    house = House()
    identity = Identity(
        house.verifier, wall=lambda: NOW, streams=house.streams, cookie=AccessCookie(COOKIE)
    )
    assert bound_to(identity, "none").explain() == "takes out the cookie of access tokens"
    assert bound_to(identity, asked=TICKETED).explain() == (
        "asks for an access token; or a ticket for once, of the query (`ticket`)"
    )


def with_key(house: House, *fields: tuple[bytes, bytes], upgrade: bytes | None = None) -> Exchange:
    told = KeyTold(id="1", name="reports", expires=NOW + 60, roles=("service",))
    house.identity.api_keys.take("a", ApiKeysTold(keys={digest(KEY): told}))
    exchange, answer = house.ask(*fields, upgrade=upgrade)
    exchange.response = answer
    return exchange


@pytest.mark.parametrize(
    "fields",
    [
        [(b"x-api-key", KEY)],
        [(b"authorization", b"Bearer " + KEY)],
        [(b"x-api-key", KEY), (b"authorization", b"Bearer " + KEY)],
    ],
)
def test_an_api_key_is_somebody_and_no_service_is_shown_it(
    fields: list[tuple[bytes, bytes]],
) -> None:
    exchange = with_key(House(), *fields, (b"a", b"b"))
    assert exchange.response is None
    assert exchange.principal is not None
    assert (exchange.principal.subject, exchange.token) == ("key:reports", b"")
    kept = exchange.request.fields if exchange.upstream_fields is None else exchange.upstream_fields
    assert all(name != b"x-api-key" for name, _ in kept)


def test_a_key_of_another_service_is_for_it_to_read() -> None:
    house = House("optional")
    exchange = with_key(house, (b"x-api-key", b"theirs"))
    assert (exchange.response, exchange.principal, exchange.upstream_fields) == (None, None, None)


def test_a_key_beside_a_token_is_one_too_many() -> None:
    fields = [(b"x-api-key", KEY), (b"authorization", b"Bearer " + TOKEN)]
    assert refused(with_key(House(), *fields).response) is MALFORMED


def test_a_key_that_nobody_knows_is_refused() -> None:
    assert refused(with_key(House(), (b"x-api-key", made().encode())).response) is KEY_UNKNOWN


def test_a_web_socket_s_key_among_its_protocols_goes_no_further() -> None:
    house = House()
    fields = [(b"x-api-key", KEY), (PROTOCOLS, b"bearer, " + KEY + b", chat")]
    exchange = with_key(house, *fields, upgrade=b"websocket")
    assert (exchange.response, exchange.upstream_fields) == (None, [(PROTOCOLS, b"chat")])


def test_what_a_key_has_opened_ends_even_if_it_was_revoked_while_the_service_thought() -> None:
    house = House()
    exchange = with_key(house, (b"x-api-key", KEY))
    assert exchange.principal is not None
    house.identity.api_keys.take("a", None)
    house.identity.hold(exchange, exchange.principal)
    assert len(house.later) == 1  # which ends it


def with_ticket(
    query: bytes,
    *fields: tuple[bytes, bytes],
    upgrade: bytes | None = b"websocket",
    used: bool = False,
    asked: QueryBound = TICKETED,
) -> tuple[Exchange, House]:
    """What became of a request to a route that tickets open."""

    async def spend(_: bytes) -> bool:
        return not used

    house = House()
    issuer = msgspec.structs.replace(ISSUER, name=OWN_ISSUER)
    believed = Verifier([(issuer_of(issuer), [a_key(OURS)])])
    house.identity = Identity(
        house.verifier, wall=lambda: NOW, streams=house.streams, cookie=AccessCookie(COOKIE)
    )
    house.identity.tickets = Tickets(believed, spend)
    head = a_head(fields=list(fields))
    head.upgrade, head.query, head.path = upgrade, query, b"/ws"
    exchange = an_exchange(head)
    answer = bound_to(house.identity, asked=asked).on_request(exchange)
    exchange.response = settled(answer)
    return exchange, house


def settled(answer: Response | Refusal | Awaitable[Response | None] | None) -> Response | None:
    """What a step answers in the end, where no scan stands behind it."""
    assert not isinstance(answer, Refusal)

    async def waited(later: Awaitable[Response | None]) -> Response | None:
        return await later

    return asyncio.run(waited(answer)) if isinstance(answer, Awaitable) else answer


def a_ticket(**changed: object) -> bytes:
    said = {"iat": NOW, "exp": NOW + 30, "jti": "1", "sid": "s", "path": "/ws"}
    said |= {"until": NOW + 60, "since": NOW - 1}
    return a_token(OURS, {"typ": TYPE}, **{**said, **changed})


def test_a_ticket_opens_a_web_socket_and_goes_no_further() -> None:
    sent = (b"cookie", b"__Host-tta=" + TOKEN)
    exchange, _ = with_ticket(b"a=b&ticket=" + a_ticket() + b"&c=d", sent)
    assert exchange.response is None
    assert exchange.principal is not None
    assert (exchange.principal.session, exchange.principal.expires) == ("s", NOW + 60)
    assert (exchange.upstream_query, exchange.token) == (b"a=b&c=d", b"")
    assert exchange.upstream_fields == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (b"ticket=x", TICKET_INVALID),
        (b"ticket=" + a_ticket(path="/other"), TICKET_ELSEWHERE),
        (b"ticket=a&ticket=b", MALFORMED),
        (b"xticket=" + a_ticket(), MISSING),
        (b"", MISSING),
    ],
)
def test_what_is_no_ticket_is_refused(query: bytes, problem: Problem) -> None:
    assert refused(with_ticket(query)[0].response) is problem


def test_one_that_has_been_used_is_refused() -> None:
    exchange, _ = with_ticket(b"ticket=" + a_ticket(), used=True)
    assert refused(exchange.response) is TICKET_USED
    assert exchange.principal is None


@pytest.mark.parametrize(
    ("fields", "upgrade", "opens"),
    [
        ([], None, False),
        ([(b"accept", b"text/html")], None, False),
        ([(b"accept", b"text/event-stream")], None, True),
        ([], b"chat", False),
    ],
)
def test_it_opens_answers_of_events_too_and_nothing_else(
    fields: list[tuple[bytes, bytes]], upgrade: bytes | None, *, opens: bool
) -> None:
    exchange, _ = with_ticket(b"ticket=" + a_ticket(), *fields, upgrade=upgrade)
    assert (exchange.response is None) is opens


def test_a_ticket_beside_a_token_is_refused() -> None:
    shown = b"ticket=" + a_ticket()
    beside = (b"authorization", b"Bearer " + TOKEN)
    assert refused(with_ticket(shown, beside)[0].response) is MALFORMED
    asked = QueryBound(token="token", ticket=True)
    both = with_ticket(shown + b"&token=" + TOKEN, asked=asked)[0]
    assert refused(both.response) is MALFORMED


def test_a_ticket_s_query_may_name_nobody_else() -> None:
    asked = QueryBound(token="token", subject="player_id", ticket=True)
    shown = b"ticket=" + a_ticket()
    mine, _ = with_ticket(shown + b"&player_id=p1", asked=asked)
    other, _ = with_ticket(shown + b"&player_id=p2", asked=asked)
    assert mine.response is None
    assert refused(other.response) is NOT_THEIRS
    assert with_ticket(shown + b"&player_id=p2")[0].response is None


@pytest.mark.parametrize("at", ["before", "meanwhile"])
def test_a_ticket_of_a_session_that_has_ended_is_refused(at: str) -> None:
    house = House()
    issuer = msgspec.structs.replace(ISSUER, name=OWN_ISSUER)
    ended = RevokedTokens(sessions={"s": NOW + 60})

    async def spend(_: bytes) -> bool:
        house.identity.revoked.newly(ended)
        return True

    house.identity.tickets = Tickets(Verifier([(issuer_of(issuer), [a_key(OURS)])]), spend)
    if at == "before":
        house.identity.revoked.newly(ended)
    head = a_head()
    head.upgrade, head.query, head.path = b"websocket", b"ticket=" + a_ticket(), b"/ws"
    exchange = an_exchange(head)
    answer = bound_to(house.identity, asked=TICKETED).on_request(exchange)
    assert refused(settled(answer)) is REVOKED


def test_what_a_ticket_has_opened_is_held_and_let_go() -> None:
    exchange, house = with_ticket(b"ticket=" + a_ticket())
    exchange.response = Response(101)
    bound = bound_to(house.identity, asked=TICKETED)
    assert isinstance(bound, TicketIdentity)
    bound.on_response(exchange)
    assert len(house.streams) == 1
    bound.on_finish(exchange)
    assert len(house.streams) == 0


def test_a_token_opens_it_as_ever() -> None:
    exchange, _ = with_ticket(b"a=b", (b"authorization", b"Bearer " + TOKEN))
    assert (exchange.response, exchange.upstream_query) == (None, None)
    assert exchange.principal is not None
