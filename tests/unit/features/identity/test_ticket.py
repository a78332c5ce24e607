"""Tickets: for one path, once, for seconds."""

import asyncio

import pytest

from tests.unit.features.identity.issuing import ISSUER, NOW, a_key, a_signer, a_token
from tta_gateway.features.identity.problems import (
    TICKET_AWAY,
    TICKET_ELSEWHERE,
    TICKET_INVALID,
    TICKET_USED,
)
from tta_gateway.features.identity.revoked import issued
from tta_gateway.features.identity.ticket import TYPE, Tickets, issuer_of, nobody
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.principal import Principal

OURS = a_signer()
CLAIMS: dict[str, object] = {
    "iat": NOW,
    "exp": NOW + 30,
    "jti": "t1",
    "sid": "s1",
    "path": "/ws/chat",
    "until": NOW + 600,
    "since": NOW - 9,
}


class Store:
    """What has been used."""

    def __init__(self) -> None:
        self.used: set[bytes] = set()

    async def spend(self, id: bytes) -> bool:
        is_first = id not in self.used
        self.used.add(id)
        return is_first


def tickets() -> Tickets:
    return Tickets(Verifier([(issuer_of(ISSUER), [a_key(OURS)])]), Store().spend)


def _another(token: bytes) -> bytes:
    """Change a digit of the signature."""
    digit = b"A" if token[-20:-19] != b"A" else b"B"
    return token[:-20] + digit + token[-19:]


def a_ticket(header: dict[str, object] | None = None, **changed: object) -> bytes:
    return a_token(OURS, {"typ": TYPE, **(header or {})}, **{**CLAIMS, **changed})


def test_a_good_one_is_somebody_for_as_long_as_the_token_was() -> None:
    found = tickets().proved(a_ticket(), b"/ws/chat", NOW + 1)
    assert isinstance(found, Principal)
    assert (found.subject, found.session, found.expires) == ("p1", "s1", NOW + 600)
    assert issued(found) == NOW - 9  # what ends the token ends what the ticket opens


def test_it_is_used_once() -> None:
    async def work() -> None:
        some = tickets()
        found = some.proved(a_ticket(), b"/ws/chat", NOW)
        assert isinstance(found, Principal)
        assert await some.spent(found) is None
        assert await some.spent(found) is TICKET_USED

    asyncio.run(work())


def test_where_nobody_can_tell_it_is_refused() -> None:
    async def work() -> None:
        some = Tickets(Verifier([(issuer_of(ISSUER), [a_key(OURS)])]), nobody)
        found = some.proved(a_ticket(), b"/ws/chat", NOW)
        assert isinstance(found, Principal)
        assert await some.spent(found) is TICKET_AWAY

    asyncio.run(work())


ATTACKS: dict[str, bytes] = {
    "nothing": b"",
    "no token": b"x",
    "an access token": a_token(OURS, sid="s1", path="/ws/chat", until=NOW + 600, jti="t1"),
    "of another key": a_token(a_signer(), {"typ": TYPE}, **CLAIMS),
    "none": a_ticket()[: a_ticket().rfind(b".") + 1],
    "changed": _another(a_ticket()),
    "expired": a_ticket(iat=NOW - 100, exp=NOW - 70),
    "lasting": a_ticket(exp=NOW + 3600),
    "another issuer": a_ticket(iss="https://evil"),
    "another audience": a_ticket(aud="other"),
    "a refresh token": a_ticket(type="refresh"),
    "for a service": a_ticket(tta_gateway_inner=True),
    "without an id": a_ticket(jti=None),
    "an id that is a number": a_ticket(jti=7),
    "without an end of its session": a_ticket(until=None),
    "an end that is a text": a_ticket(until="tomorrow"),
    "of a token of no time": a_ticket(since=None),
    "early": a_ticket(iat=NOW + 600, exp=NOW + 630),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_no_ticket_opens_nothing(attack: str) -> None:
    assert tickets().proved(ATTACKS[attack], b"/ws/chat", NOW) is TICKET_INVALID


@pytest.mark.parametrize("path", [b"/ws/chat/", b"/ws/other", b"/ws/chat2", b"/", b"/WS/chat"])
def test_it_opens_no_other_path(path: bytes) -> None:
    assert tickets().proved(a_ticket(), path, NOW) is TICKET_ELSEWHERE
    assert tickets().proved(a_ticket(path=None), path, NOW) is TICKET_ELSEWHERE


def test_an_access_token_s_place_takes_no_ticket() -> None:
    refused = Verifier([(ISSUER, [a_key(OURS)])]).prove(a_ticket(), NOW)
    assert not isinstance(refused, Principal)


def test_who_knows_of_no_issuer_believes_none() -> None:
    assert Tickets().proved(a_ticket(), b"/ws/chat", NOW) is TICKET_INVALID
