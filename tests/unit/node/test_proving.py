"""What a worker is told of the gateway's own tokens."""

import asyncio
import json
from collections.abc import Callable, Collection
from typing import Any, cast

import msgspec
from joserfc.jwk import OKPKey

from tests.helpers.builders import an_exchange
from tests.helpers.fake_origin import FakeOrigin
from tests.unit.features.identity.issuing import ISSUER, NOW, a_signer, a_token, somebody
from tta_gateway.features.identity.api_key import digest, made
from tta_gateway.features.identity.bound import (
    API_KEYS,
    ISSUER_KEYS,
    KEYS,
    OWN_ISSUER,
    REVOKED,
    ApiKeysTold,
    IdentityBound,
    IssuerKeys,
    KeySource,
    KeyTold,
    OwnKeys,
    RevokedTokens,
)
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.policy import LAPSED, Identity
from tta_gateway.features.identity.problems import KEY_UNKNOWN, TICKET_INVALID, UNPROVED
from tta_gateway.features.identity.problems import REVOKED as COUNTS_NO_MORE
from tta_gateway.features.identity.revoked import News
from tta_gateway.features.identity.ticket import TYPE
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem
from tta_gateway.node.proving import Live, Proving
from tta_gateway.node.sections import Sections
from tta_gateway.pipeline.run import Runner

OURS, NEXT = a_signer("k1"), a_signer("k2")
BOUND = IdentityBound(own=msgspec.structs.replace(ISSUER, name=OWN_ISSUER))
TOKEN = a_token(OURS, sid="s1")


def raw(one: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(one))


def keys(*signers: OKPKey) -> dict[str, msgspec.Raw]:
    told = tuple(json.dumps(one.as_dict(private=False)).encode() for one in signers)
    return {KEYS: raw(OwnKeys(keys=told))}


def revoked(number: int, *sessions: str, until: float = NOW + 60) -> dict[str, msgspec.Raw]:
    return {f"{REVOKED}{number}": raw(RevokedTokens(sessions=dict.fromkeys(sessions, until)))}


def _nobody(*_: object) -> None:
    """Hear nothing."""


class House:
    """A worker that has an identity policy among others, and hears live sections."""

    def __init__(self, live: Live, bound: IdentityBound = BOUND) -> None:
        self.bound = bound
        self.events: list[str] = []
        self.now = NOW
        sections = Sections(cast("Any", self))
        self.later: list[Callable[[], None]] = []
        self.streams = OpenStreams(later=self.later.append)
        self.proving = Proving(sections, live, wall=lambda: self.now, streams=self.streams)
        self.identity = Identity(Verifier([]), wall=lambda: NOW, streams=self.streams)
        self.policies: list[Policy] = [self.identity]
        self.proving.equip(self.policies, bound)

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    def follow(self, live: Live) -> None:
        asyncio.run(self.proving.follow(live, self.policies, lambda: self.bound))

    def open(self, principal: Principal) -> None:
        """Have a socket of somebody's be open."""
        origin, exchange = FakeOrigin(Runner(_nobody, _nobody)), an_exchange()
        origin.exchange, exchange.origin = exchange, origin
        self.identity.hold(exchange, principal)

    def ask(self, token: bytes = TOKEN) -> Problem | str:
        found = self.identity.principal_of(token)
        return found.session if isinstance(found, Principal) else found


def test_what_is_known_at_the_start_counts_from_the_first_request_on() -> None:
    house = House({**keys(OURS), **revoked(0, "s1"), "service/a": msgspec.Raw(b"\x80")})
    assert house.ask() is COUNTS_NO_MORE
    assert house.ask(a_token(OURS, sid="s2")) == "s2"


def test_without_keys_nothing_is_proved_until_they_come() -> None:
    house = House({})
    assert house.ask() is UNPROVED
    house.follow(keys(OURS))
    assert house.ask() == "s1"


def test_keys_that_are_gone_count_no_more_even_where_a_token_is_remembered() -> None:
    house = House(keys(OURS))
    assert house.ask() == "s1"
    house.follow(keys(NEXT))
    assert house.ask() is UNPROVED
    assert house.ask(a_token(NEXT, sid="s3")) == "s3"


CLINIC = msgspec.structs.replace(ISSUER, name="clinic", source=KeySource(url="https://a/b"))
OTHERS = IdentityBound(issuers=(CLINIC,))


def published(*signers: OKPKey, url: str = "https://a/b") -> dict[str, msgspec.Raw]:
    told = tuple(json.dumps(one.as_dict(private=False)).encode() for one in signers)
    return {f"{ISSUER_KEYS}clinic": raw(IssuerKeys(url=url, keys=told))}


def test_keys_that_an_issuer_publishes_count_as_long_as_it_does() -> None:
    house = House(published(OURS), OTHERS)
    assert house.ask() == "s1"
    house.follow(published(OURS, NEXT))
    assert (house.ask(), house.ask(a_token(NEXT, sid="s3"))) == ("s1", "s3")
    house.follow(published(NEXT))
    assert house.ask() is UNPROVED
    house.follow({})
    assert house.ask(a_token(NEXT, sid="s3")) is UNPROVED


def test_what_was_published_elsewhere_counts_no_more() -> None:
    house = House(published(OURS, url="https://a/before"), OTHERS)
    assert house.ask() is UNPROVED


def test_whose_key_is_missing_is_told_until_it_is_there() -> None:
    house, heard = House({}), list[str]()
    house.proving.missing = heard.append
    house.bound = OTHERS
    house.proving.equip(house.policies, OTHERS)
    assert house.ask() is UNPROVED
    assert heard == ["clinic"]
    house.follow(published(OURS))
    assert house.ask() == "s1"
    assert heard == ["clinic"]


def test_published_keys_that_cannot_be_read_are_told_and_left_out() -> None:
    house = House({f"{ISSUER_KEYS}clinic": msgspec.Raw(b"\x01")}, OTHERS)
    assert house.events == ["finding_not_read"]
    assert house.ask() is UNPROVED


def test_what_is_revoked_is_heard_of_once_whatever_becomes_of_its_section() -> None:
    house, heard = House(keys(OURS)), list[News]()
    house.proving.revoked.listeners.append(heard.append)
    house.follow({**keys(OURS), **revoked(0, "s1")})
    assert house.ask() is COUNTS_NO_MORE
    house.follow({**keys(OURS), **revoked(0, "s1", "s2"), **revoked(1, "s3")})
    house.follow({**keys(OURS), **revoked(1, "s3")})
    assert house.ask() is COUNTS_NO_MORE
    assert [one.sessions for one in heard] == [{"s1"}, {"s2"}, {"s3"}]


def test_many_sections_are_taken_up_in_slices() -> None:
    live = dict(keys(OURS))
    for number in range(50):
        live.update(revoked(number, f"s{number}"))
    house = House(keys(OURS))
    house.follow(live)
    assert len(house.proving.revoked) == 50
    assert house.ask() is COUNTS_NO_MORE


def test_what_is_over_is_forgotten_when_nobody_asks_whose_an_expired_token_was() -> None:
    house = House({**keys(OURS), **revoked(0, "s1", until=NOW + 5)})
    house.now = NOW + 60
    house.follow(keys(OURS))
    assert len(house.proving.revoked) == 1
    house.now += LAPSED
    house.follow(keys(OURS))
    assert len(house.proving.revoked) == 0


def test_what_cannot_be_read_is_told_and_left_out() -> None:
    house = House({KEYS: msgspec.Raw(b"\x01"), f"{REVOKED}0": msgspec.Raw(b"\x01")})
    assert house.events == ["finding_not_read"] * 2
    assert house.ask() is UNPROVED


def test_where_nothing_is_issued_nothing_changes() -> None:
    house = House(keys(OURS))
    verifier = Verifier([])
    house.identity.believe(verifier)
    house.proving.equip(house.policies, IdentityBound())
    assert house.identity._verifier is verifier


def test_what_is_open_ends_with_what_it_was_opened_by() -> None:
    house = House(keys(OURS))
    for token in (TOKEN, a_token(OURS, sid="s2")):
        principal = house.identity.principal_of(token)
        assert isinstance(principal, Principal)
        house.open(principal)
    house.follow({**keys(OURS), **revoked(0, "s1")})
    for work in house.later:
        work()
    assert len(house.streams) == 1


def test_what_opens_a_moment_too_late_ends_too() -> None:
    house = House(keys(OURS))
    principal = house.identity.principal_of(TOKEN)
    assert isinstance(principal, Principal)
    house.follow({**keys(OURS), **revoked(0, "s1")})
    house.open(principal)
    for work in house.later:
        work()
    assert len(house.streams) == 0


# --- API keys and tickets -----------------------------------------------------------------------

KEY = made()


def api_keys(*names: str) -> dict[str, msgspec.Raw]:
    told = {digest(KEY.encode()): KeyTold(id=name, name=name, expires=NOW + 60) for name in names}
    return {f"{API_KEYS}7": raw(ApiKeysTold(keys=told))}


def test_api_keys_count_from_the_start_and_as_they_are_told() -> None:
    house = House(api_keys("a"))
    assert house.ask(KEY.encode()) == "key:a"
    house.follow(api_keys("b"))
    assert house.ask(KEY.encode()) == "key:b"
    house.follow({})
    assert house.ask(KEY.encode()) is KEY_UNKNOWN
    house.follow({})


def test_what_a_key_has_opened_ends_when_it_is_told_no_more() -> None:
    house = House(api_keys("a"))
    principal = house.identity.principal_of(KEY.encode())
    assert isinstance(principal, Principal)
    house.open(principal)
    house.open(somebody("p2"))
    house.follow({f"{API_KEYS}{number}": raw(ApiKeysTold()) for number in range(9)})
    for one in house.later:
        one()
    assert len(house.streams) == 1


def test_who_keeps_something_hears_of_what_has_ended_and_can_ask() -> None:
    """Of logins and keys; what somebody may do no more is no logout."""
    key = api_keys("a")
    house = House({**keys(OURS), **key})
    by_key = house.identity.principal_of(KEY.encode())
    assert isinstance(by_key, Principal)
    assert not house.proving.has_ended(by_key)
    ended: list[tuple[list[str], list[bool]]] = []
    ours, theirs = [
        Principal(subject="p1", issuer=issuer, session="s1") for issuer in (OWN_ISSUER, "another")
    ]

    def log_out(sessions: Collection[str], concerns: Callable[[Principal], bool]) -> None:
        ended.append((list(sessions), [concerns(one) for one in (ours, theirs)]))

    house.proving.log_out = log_out
    assert not house.proving.has_ended(ours)
    house.follow({**keys(OURS), **key, **revoked(0, "s1")})
    assert [house.proving.has_ended(one) for one in (ours, theirs)] == [True, False]
    house.follow({**keys(OURS), **revoked(0, "s1")})
    assert house.proving.has_ended(by_key)
    assert ended == [(["s1"], [True, False]), (["key:a"], [True, True])]


def test_a_section_of_keys_that_cannot_be_read_holds_none() -> None:
    house = House({f"{API_KEYS}7": msgspec.Raw(b"\xc1")})
    assert house.ask(KEY.encode()) is KEY_UNKNOWN


def test_tickets_are_proved_by_the_gateway_s_own_keys_alone() -> None:
    house = House(keys(OURS))
    said = {"jti": "1", "path": "/ws", "until": NOW + 60, "since": NOW, "iat": NOW, "exp": NOW + 30}
    ticket = a_token(OURS, {"typ": TYPE}, **said)
    assert isinstance(house.identity.ticket_of(ticket, b"/ws"), Principal)
    house.follow(keys(NEXT))
    assert house.identity.ticket_of(ticket, b"/ws") is TICKET_INVALID
