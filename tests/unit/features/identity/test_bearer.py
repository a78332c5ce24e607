"""Who shows a token to control: looked at once more."""

import pytest

from tests.unit.features.identity.issuing import ISSUER, NOW, a_key, a_signer, a_token
from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import OWN_ISSUER, Issuer, RevokedTokens
from tta_gateway.features.identity.problems import (
    MALFORMED,
    MISSING,
    NO_PERSON,
    NOT_OURS,
    OF_A_CLIENT,
    REVOKED,
    UNPROVED,
)
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.problem import Problem

OWN = Issuer(name=OWN_ISSUER, issuer="https://own", types=("at+jwt",))
OURS, THEIRS = a_signer("k1"), a_signer("k2")
TOKEN = "Bearer " + a_token(OURS, iss="https://own", sid="s1").decode()
OTHER = "bearer " + a_token(THEIRS).decode()


def bearers() -> Bearers:
    made = Bearers(wall=lambda: NOW)
    made.verifier = Verifier([(OWN, [a_key(OURS)]), (ISSUER, [a_key(THEIRS)])])
    return made


def refused(made: Bearers, shown: str | None) -> Problem:
    with pytest.raises(ClientFault) as raised:
        made.ours(shown)
    return raised.value.problem


def test_whose_it_is_is_known() -> None:
    made = bearers()
    assert (made.ours(TOKEN).session, made.needed(OTHER).issuer) == ("s1", "home")
    assert (made.shown(None), made.shown("Basic x")) == (None, None)


def test_what_is_a_person_s_alone_no_client_s_token_does() -> None:
    made = bearers()
    assert made.themselves(ours()).session == "s1"
    for client, problem in (("client-1", OF_A_CLIENT), (None, NO_PERSON)):
        with pytest.raises(ClientFault) as raised:
            made.themselves(ours(client_id=client))
        assert raised.value.problem is problem


def test_what_is_no_good_is_refused_with_the_reason() -> None:
    made = bearers()
    assert refused(made, None) is MISSING
    assert refused(made, "Bearer x") is MALFORMED
    assert refused(made, "Bearer \u00e9") is MALFORMED
    assert refused(made, OTHER) is NOT_OURS
    assert refused(Bearers(wall=lambda: NOW), TOKEN) is UNPROVED
    made.revoked.newly(RevokedTokens(sessions={"s1": NOW + 9}))
    assert refused(made, TOKEN) is REVOKED


LOGGED_IN: dict[str, object] = {
    "iss": "https://own",
    "sid": "s1",
    "auth_time": NOW - 60,
    "client_id": "tta-gateway",
}


def ours(**changed: object) -> str:
    return "Bearer " + a_token(OURS, None, **{**LOGGED_IN, **changed}).decode()


def test_a_person_is_who_has_logged_in_here_in_whatever_program() -> None:
    made = bearers()
    assert made.person(ours()).subject == "p1"
    assert made.person(ours(client_id="client-1")).subject == "p1"


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (ours(sub="client-1", client_id="client-1", auth_time=None), NO_PERSON),
        (ours(sub="client-1", client_id="client-1"), NO_PERSON),
        (ours(auth_time=None), NO_PERSON),
        (ours(sid=None), NO_PERSON),
        (ours(client_id=None), NO_PERSON),
        ("Bearer tta_key", NO_PERSON),
        ("bearer tta_key", NO_PERSON),
        (OTHER, NOT_OURS),
        (None, MISSING),
    ],
)
def test_programs_and_who_logged_in_elsewhere_are_no_persons_here(
    shown: str | None, why: Problem
) -> None:
    with pytest.raises(ClientFault) as raised:
        bearers().person(shown)
    assert raised.value.problem is why
