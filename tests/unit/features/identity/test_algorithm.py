"""What a proved token says: whose it is, or the one reason for which it does not count."""

from math import inf, nan
from typing import Any, Final, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.algorithm import Fault, who
from tta_gateway.features.identity.bound import Issuer
from tta_gateway.kernel.principal import Principal

NOW: Final = 1_800_000_000.0
OURS: Final = Issuer(name="home", issuer="https://home", audiences=("api", "other"), leeway=30.0)
CLAIMS: Final[dict[str, object]] = {
    "iss": "https://home",
    "aud": "api",
    "sub": "p1",
    "iat": NOW - 10,
    "exp": NOW + 590,
    "role": "player",
}


def told(**changed: object) -> dict[str, object]:
    """Return what a good token says, with changes; what is changed to None is left out."""
    return {name: one for name, one in {**CLAIMS, **changed}.items() if one is not None}


def believed(issuer: Issuer = OURS, **changed: object) -> Principal:
    found = who(told(**changed), issuer, NOW)
    assert isinstance(found, Principal)
    return found


def test_a_good_token_says_who_it_is_until_when_and_in_which_roles() -> None:
    found = believed(
        sid="s1", acr="high", amr=["pwd", "otp"], auth_time=NOW - 60, scope="read write"
    )
    assert (found.subject, found.issuer) == ("p1", "home")
    assert found.roles == {"player"}
    assert (found.expires, found.authenticated) == (NOW + 620, NOW - 60)
    assert (found.session, found.level) == ("s1", 1)
    assert found.methods == {"pwd", "otp"}
    assert found.scopes == {"read", "write"}
    assert found.claims == told(
        sid="s1", acr="high", amr=["pwd", "otp"], auth_time=NOW - 60, scope="read write"
    )


@pytest.mark.parametrize(
    ("acr", "level"),
    [("urn:mfa", 2), ("urn:pwd", 1), ("2", 1), ("URN:MFA", 1), ("", 1), (2, 1), (["urn:mfa"], 1)],
)
def test_only_an_acr_that_the_operator_has_named_says_how_well(acr: object, level: int) -> None:
    issuer = msgspec.structs.replace(OURS, levels={"urn:mfa": 2, "urn:pwd": 1})
    assert believed(issuer, acr=acr).level == level


def test_who_it_is_is_not_shown() -> None:
    assert repr(believed()) == "<principal of home>"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"iss": None}, Fault.ISSUER),
        ({"iss": "https://elsewhere"}, Fault.ISSUER),
        ({"iss": ["https://home"]}, Fault.ISSUER),
        ({"aud": None}, Fault.AUDIENCE),
        ({"aud": "apis"}, Fault.AUDIENCE),
        ({"aud": ["web", 1]}, Fault.AUDIENCE),
        ({"aud": {"api": True}}, Fault.AUDIENCE),
        ({"aud": []}, Fault.AUDIENCE),
        ({"sub": None}, Fault.SUBJECT),
        ({"sub": ""}, Fault.SUBJECT),
        ({"sub": 7}, Fault.SUBJECT),
        ({"sub": "x" * 257}, Fault.SUBJECT),
        ({"sub": "spiffe://tta/players"}, Fault.SUBJECT),
        ({"exp": None}, Fault.LASTING),
        ({"exp": NOW + 86_400}, Fault.LASTING),
        ({"exp": NOW + 86_401, "iat": None}, Fault.LASTING),
        ({"exp": NOW - 30}, Fault.EXPIRED),
        ({"exp": 0}, Fault.EXPIRED),
        ({"exp": -1}, Fault.EXPIRED),
        ({"exp": str(NOW + 100)}, Fault.CLAIM),
        ({"exp": True}, Fault.CLAIM),
        ({"exp": inf}, Fault.CLAIM),
        ({"exp": nan}, Fault.CLAIM),
        ({"exp": 10**400}, Fault.CLAIM),
        ({"nbf": NOW + 31}, Fault.EARLY),
        ({"nbf": "soon"}, Fault.CLAIM),
        ({"iat": NOW + 31}, Fault.EARLY),
        ({"iat": []}, Fault.CLAIM),
        ({"role": 1}, Fault.CLAIM),
        ({"role": ["player", 1]}, Fault.CLAIM),
        ({"role": ["player"] * 65}, Fault.CLAIM),
        ({"scope": ["read"]}, Fault.CLAIM),
        ({"amr": {"pwd": 1}}, Fault.CLAIM),
        ({"type": "refresh"}, Fault.PURPOSE),
        ({"token_use": "refresh"}, Fault.PURPOSE),
        ({"tta_gateway_inner": True}, Fault.PURPOSE),
        ({"tta_gateway_inner": False}, Fault.PURPOSE),
    ],
)
def test_what_does_not_fit_is_not_believed(changed: dict[str, object], fault: Fault) -> None:
    assert who(told(**changed), OURS, NOW) is fault


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 29},
        {"exp": NOW + 0.5},
        {"nbf": NOW + 30},
        {"iat": NOW + 30},
        {"iat": None},
        {"exp": NOW + 86_400, "iat": None},
        {"aud": ["web", "other"]},
        {"role": None},
        {"role": []},
    ],
)
def test_what_differs_no_more_than_it_may_is_believed(changed: dict[str, object]) -> None:
    assert isinstance(who(told(**changed), OURS, NOW), Principal)


def test_only_the_roles_that_this_issuer_may_say_count() -> None:
    issuer = msgspec.structs.replace(OURS, roles=("player", "researcher"))
    assert believed(issuer, role=["admin", "player", "therapist"]).roles == {"player"}
    assert believed(issuer, role="admin").roles == set()


def test_a_role_is_looked_for_where_the_issuer_says_it() -> None:
    issuer = msgspec.structs.replace(OURS, role_claim="groups")
    assert believed(issuer, groups=["player"]).roles == {"player"}
    assert believed(issuer).roles == set()


def test_two_issuers_never_speak_of_the_same_one() -> None:
    theirs = msgspec.structs.replace(OURS, name="clinic", prefix="clinic:")
    assert {believed().subject, believed(theirs).subject} == {"p1", "clinic:p1"}


def test_an_issuer_may_leave_out_what_it_always_left_out() -> None:
    today = Issuer(name="platform", needs_expiry=False, subject_claim="player_id")
    found = who({"player_id": "p1", "session_id": "s1"}, today, NOW)
    assert isinstance(found, Principal)
    assert (found.subject, found.session, found.expires) == ("p1", "s1", inf)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
NAMES: Final = (*CLAIMS, "nbf", "type", "sid", "amr", "acr", "scope", "auth_time")


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6))
def test_whatever_it_says_a_token_is_believed_or_not(changed: dict[str, Any]) -> None:
    found = who({**CLAIMS, **changed}, OURS, NOW)
    assert isinstance(found, Principal | Fault)
    if isinstance(found, Principal):
        assert found.roles <= {"player"}
        assert NOW < found.expires <= NOW + OURS.longest + 2 * OURS.leeway


@pytest.mark.parametrize(
    ("narrows", "client", "narrow"),
    [
        ("never", "client-1", False),
        ("always", "tta-gateway", True),
        ("clients", "tta-gateway", False),
        ("clients", "p1", False),  # a client that has got it for itself
        ("clients", "client-1", True),
        ("clients", None, True),
        ("clients", ["tta-gateway"], True),
    ],
)
def test_what_a_client_has_got_for_somebody_is_bounded_by_its_scope(
    narrows: Literal["never", "clients", "always"], client: object, narrow: bool
) -> None:
    issuer = msgspec.structs.replace(OURS, narrows=narrows)
    assert believed(issuer, client_id=client).is_narrow is narrow
