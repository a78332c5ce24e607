"""Delegated logins, as operators write them: compiled, and refused with what to write instead."""

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.identity.bound import Delegated, IdentityBound
from tta_gateway.settings.compile import compile_snapshot

PLACE = "identity.issuing.delegated"


def written(text: str) -> str:
    return f"identity: {{issuing: {{url: 'https://gate', delegated: [{text}]}}}}\n"


def bound(text: str) -> tuple[Delegated, ...]:
    raw = compile_snapshot(loaded(written(text)).settings, 1).features["identity"]
    issuing = msgspec.msgpack.decode(raw, type=IdentityBound).issuing
    assert issuing is not None
    return issuing.delegated


def test_without_a_word_nobody_is_asked() -> None:
    assert bound("") == ()


def test_what_is_left_out_is_as_the_platform_has_it() -> None:
    assert bound("{name: home, service: players}") == (
        Delegated(name="home", service="players", prefix="home:"),
    )


def test_everything_can_be_set() -> None:
    (found,) = bound(
        "{name: home, service: players, login: /in, registration: /new, reset_request: /lost, "
        "reset: /found, roles: [player, researcher], own_subjects: true, timeout: 2s}"
    )
    assert found == Delegated(
        name="home",
        service="players",
        prefix="",
        login="/in",
        registration="/new",
        reset_request="/lost",
        reset="/found",
        roles=("player", "researcher"),
        timeout=2.0,
    )


def test_a_role_that_holds_what_is_clinical_is_clinical_by_any_name() -> None:
    text = "access: {roles: {coach: {extends: [therapist], permissions: []}}}\n"
    (said,) = complaints(text + written("{name: a, service: players, roles: [player, coach]}"))
    assert f"{PLACE}[0].roles[1]: `coach` is granted by the gateway alone" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{name: home, service: palyers}",
            f"{PLACE}[0].service: there is no service `palyers`: do you mean `players`?",
        ),
        (
            "{name: home, service: players, roles: [therapist]}",
            f"{PLACE}[0].roles[0]: `therapist` is granted by the gateway alone, and counts from no "
            "service: take it out, and write `tta-gateway user role … --grant therapist`",
        ),
        (
            "{name: home, service: players, roles: [playr]}",
            f"{PLACE}[0].roles[0]: there is no role `playr`: do you mean `player`?",
        ),
        ("{name: a, service: players}, {name: a, service: players}", "two of them have one name"),
        ("{name: gateway, service: players}", "`gateway` is the gateway itself"),
        (
            "{name: a, service: players, own_subjects: true}, "
            "{name: b, service: players, own_subjects: true}",
            "two of them have `own_subjects`",
        ),
        ("{name: a, service: players, timeout: 9s}", "timeout"),
        *(
            (f"{{name: a, service: players, login: '{path}'}}", "must be a path of the service")
            for path in ("login", "/a b", "/a?b", "/é", "/a//b", "/{a}")
        ),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, said: str) -> None:
    (found,) = complaints(written(text))
    assert said in found
    assert PLACE in found
