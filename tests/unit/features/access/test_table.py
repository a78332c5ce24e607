"""The roles of the platform: who must not hold what."""

import pytest

from tta_gateway.features.access.algorithm import Book, split
from tta_gateway.features.access.bound import CLINICAL
from tta_gateway.features.access.table import ROLES

BOOK = Book(ROLES)
CLINICIANS = {"therapist", "clinical_supervisor", "crisis_responder"}
PEOPLES = (
    "sessions:read",
    "conversation:read",
    "progress:read",
    "notes:read",
    "notes:write",
    "crisis:read",
    "characters:read",
)
"""What people write or go through."""


def test_the_platforms_roles_are_there() -> None:
    others = {"player", "researcher", "moderator", "admin", "service", "auditor"}
    assert ROLES.keys() == CLINICIANS | others


def test_clinicians_alone_are_clinical() -> None:
    assert {role for role in ROLES if BOOK.mask({role}) & BOOK.clinical} == CLINICIANS


@pytest.mark.parametrize("role", ["admin", "auditor", "moderator", "researcher", "service"])
def test_who_is_no_clinician_sees_nothing_of_what_people_go_through(role: str) -> None:
    mask = BOOK.mask({role})
    assert not [name for name in PEOPLES if mask & BOOK.demand(name).held]


def test_players_reach_what_is_their_own_and_nobody_elses() -> None:
    beyond = {name for name, reach in map(split, ROLES["player"]) if reach != "own"}
    assert beyond == {"content:read", "worlds:read", "worlds:customize"}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("therapist", set()),
        ("clinical_supervisor", set()),
        ("crisis_responder", {"crisis:read"}),
    ],
)
def test_no_clinician_reaches_beyond_whom_they_care_for_but_in_a_crisis(
    role: str, expected: set[str]
) -> None:
    assert {one for one in PEOPLES if BOOK.mask({role}) & BOOK.demand(one).any} == expected


def test_no_role_names_a_permission_twice() -> None:
    for permissions in ROLES.values():
        assert len(set(permissions)) == len(permissions)
        assert all(split(one)[0].count(":") == 1 for one in permissions)
    assert CLINICAL in ROLES["therapist"]
