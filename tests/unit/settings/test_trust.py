"""Trust: a warning where somebody else may make clinicians or administrators, never a refusal."""

import pytest

from tests.helpers.configuration import loaded
from tta_gateway.settings.trust import warnings

SECRET = {"SECRET": "0123456789abcdef" * 4}


def told(roles: str, more: str = "") -> list[str]:
    issuer = f"{{name: clinic, secret: {{env: SECRET}}, roles: [{roles}]}}"
    text = f"{more}identity: {{issuers: [{issuer}]}}\n"
    return warnings(loaded(text, SECRET), "gateway.yaml")


@pytest.mark.parametrize(
    ("roles", "named"),
    [
        ("player, researcher", []),
        ("player, therapist", ["therapist"]),
        ("admin, clinical_supervisor", ["admin", "clinical_supervisor"]),
        ("crisis_responder", ["crisis_responder"]),
    ],
)
def test_each_role_that_should_be_granted_here_is_named(roles: str, named: list[str]) -> None:
    found = told(roles)
    assert [one.partition("--grant ")[2].partition("`")[0] for one in found] == named
    assert all(
        "identity.issuers[0].roles[" in one and ": warning: `clinic`" in one for one in found
    )
    assert all("whoever knows that secret" in one for one in found)


def test_whatever_it_is_called_what_it_holds_counts() -> None:
    healer = "access: {roles: {healer: {permissions: ['content:clinical']}}}\n"
    assert len(told("healer", healer)) == 1
    assert told("coach", "access: {roles: {coach: {permissions: ['worlds:read']}}}\n") == []


def test_without_issuers_there_is_nothing_to_say() -> None:
    assert warnings(loaded(""), "gateway.yaml") == []
